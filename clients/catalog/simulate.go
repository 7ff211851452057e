package catalog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

// Dial makes a connection to the server that is asked about. It may be called from several goroutines.
type Dial func(ctx context.Context) (net.Conn, error)

// Options of [Simulate]. Nil means the zero value.
type Options struct {
	ServerName  string           // for SNI; "": none is sent
	To          netip.AddrPort   // the server, for the Attempt of a connection that could not be made
	Parallel    int              // connections at a time; 0: 256, the whole catalogue at once
	Timeout     time.Duration    // for each client, in wall time; 0: 10 s
	Certificate *tls.Certificate // the clients' certificate; nil: none
	Roots       *x509.CertPool   // whom they trust; nil: they do not look
}

// Library is what carried a client's handshake out.
type Library string

// The libraries. LibraryNone sent the bytes of the hello alone.
const (
	LibraryUTLS     Library = "utls"
	LibraryStandard Library = "crypto/tls"
	LibraryNone     Library = "bytes"
)

// Verdict is what became of a client.
type Verdict string

// The verdicts.
const (
	// Connects: the handshake was completed; or the server answered the hello, and the rest is beyond the library that
	// stands in for the client. Result.Completed tells them apart.
	Connects Verdict = "connects"
	Refused  Verdict = "refused" // by the server, with an alert, a reset, a FIN or in silence
	Declines Verdict = "client declines"
	Failed   Verdict = "no connection" // TCP's handshake failed, or the attempt could not be made: Result.Err
)

// Result is what one client saw.
type Result struct {
	Client    *Client
	Attempt   clients.Attempt
	Library   Library
	Verdict   Verdict
	Completed bool   // the TLS handshake was completed
	Why       string // why it was not, though the server answered; "" otherwise
	Err       error  // what kept the attempt from being made
}

// Simulate lets every client say hello to the server, many at a time, each on a connection of its own, and returns what each of
// them saw, in the order of the list. A client whose hello the server answers with one of the two hybrid groups that uTLS
// lacks takes a second connection, with crypto/tls.
func Simulate(ctx context.Context, dial Dial, list []*Client, o *Options) []Result {
	if o == nil {
		o = &Options{}
	}
	parallel := o.Parallel
	if parallel <= 0 {
		parallel = 256
	}
	results := make([]Result, len(list))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(parallel, len(list)) {
		workers.Go(func() {
			for i := range next {
				results[i] = Try(ctx, dial, list[i], o)
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	workers.Wait()
	return results
}

// Try is [Simulate] for one client.
func Try(ctx context.Context, dial Dial, c *Client, o *Options) Result {
	if o == nil {
		o = &Options{}
	}
	r := Result{Client: c, Library: LibraryUTLS}
	p, err := c.Profile(o.ServerName)
	if err != nil {
		r.Verdict, r.Err = Failed, err
		return r
	}
	reason := c.RawReason()
	if reason != nil {
		r.Library = LibraryNone
	}
	var incapable *clients.IncapableError
	r.Attempt, err = o.attempt(ctx, dial, p)
	if errors.As(err, &incapable) && (incapable.Group == wire.SecP256r1MLKEM768 || incapable.Group == wire.SecP384r1MLKEM1024) {
		hello := r.Attempt.Hello
		r.Library = LibraryStandard
		r.Attempt, err = o.attempt(ctx, dial, c.standard())
		r.Attempt.Hello = hello // the client's
	}
	r.judge(err)
	if r.Verdict == Connects && !r.Completed && r.Why == "" && reason != nil {
		r.Why = reason.Why
	}
	return r
}

// attempt makes one connection and one call.
func (o *Options) attempt(ctx context.Context, dial Dial, p *clients.Profile) (clients.Attempt, error) {
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	call := clients.Call{Profile: p, ServerName: o.ServerName, Certificate: o.Certificate, Roots: o.Roots}
	begun := time.Now()
	conn, err := dial(ctx)
	if err != nil {
		return clients.Unreachable(call, o.To, err, time.Since(begun))
	}
	return clients.Do(ctx, conn, call)
}

func (r *Result) judge(err error) {
	out := &r.Attempt.Outcome
	answered := out.Stage == wire.StageHandshake || out.Stage == wire.StageHello && r.Attempt.HelloRetry
	var incapable *clients.IncapableError
	switch {
	case errors.As(err, &incapable) && answered:
		r.Verdict, r.Why = Connects, incapable.Why
	case err != nil:
		r.Verdict, r.Err = Failed, err
	case out.Stage == wire.StageDial:
		r.Verdict = Failed
	case out.Version == 0 && !r.Attempt.HelloRetry: // what came was no ServerHello, of TLS or at all
		r.Verdict = Refused
	case out.Stage == wire.StageRequest || out.Stage == wire.StageResponse:
		r.Verdict, r.Completed = Connects, true
		if out.Ending == wire.EndingReset || out.Ending == wire.EndingAlert && out.Alert.Level == wire.AlertFatal {
			r.Verdict, r.Completed = Refused, false // in TLS 1.3 the server speaks last: a client certificate
		}
	case answered && out.ByPeer:
		r.Verdict = Refused
	case answered && r.Library == LibraryNone && out.Ending == wire.EndingNone:
		r.Verdict = Connects
	case answered:
		r.Verdict, r.Why = Declines, out.Detail
	default:
		r.Verdict = Refused
	}
}
