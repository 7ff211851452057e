package aws

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/alblab/alblab/lab"
)

// Lab is the lab in an account. Scenarios run on its phases, one after the other: [Lab.Phase]. All of them share one collection
// of evidence. Close removes what the lab itself made, the mirror sessions, and puts listeners back; the rest is Terraform's.
type Lab struct {
	c       Config
	clients *Clients
	clock   Clock
	logger  *slog.Logger
	mirror  *mirror
	ports   map[string]int               // of each listener
	names   map[string]string            // listener by ARN
	first   map[string]mtls              // as found, by listener
	actions map[string][]elbtypes.Action // as found, by listener
	host    string                       // that the server certificate is for
	roots   []byte                       // PEM of its authority
	relayed bool                         // endpoints are not the listeners' own ports
	dialer  net.Dialer
	started time.Time

	mu         sync.Mutex
	now        map[string]mtls // as set, by listener
	policies   map[string]string
	phases     []*Phase
	interfaces map[string]string // network interface to private address, all that were ever seen
	requests   int               // of the lab's own, for their paths
	watch      context.CancelFunc
	watching   sync.WaitGroup
	lessons    []Lesson

	collectMu sync.Mutex // held while collecting
	collected *harvest
}

// Lesson is something that only a real account can tell, as this run found it.
type Lesson struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// Attach connects to a lab that was built: reads its listeners, makes mirror sessions, learns the name on the server's
// certificate. It changes nothing but mirror sessions; call [Check] before. Close must be called.
func Attach(ctx context.Context, c Config) (*Lab, error) {
	if c.Clients == nil {
		c.Clients = NewClients(c.AWS)
	}
	if c.Clock == nil {
		c.Clock = WallClock()
	}
	if c.Delivery == nil {
		d := DefaultDelivery()
		c.Delivery = &d
	}
	if c.Nonce == "" {
		c.Nonce = newNonce()
	}
	l := &Lab{
		roots: []byte(c.Outputs.RootsPEM),
		c:     c, clients: c.Clients, clock: c.Clock, logger: c.Logger, started: c.Clock.Now(),
		ports: map[string]int{}, names: map[string]string{}, first: map[string]mtls{}, now: map[string]mtls{}, actions: map[string][]elbtypes.Action{},
		policies: map[string]string{}, interfaces: map[string]string{},
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	if err := l.readListeners(ctx); err != nil {
		return nil, fmt.Errorf("attaching to the lab: %w", err)
	}
	if err := l.learnHost(ctx); err != nil {
		return nil, fmt.Errorf("attaching to the lab: %w", err)
	}
	if err := l.passesWAF(ctx); err != nil {
		return nil, fmt.Errorf("attaching to the lab: %w", err)
	}
	if err := l.seeInterfaces(ctx); err != nil {
		l.logger.Warn("the load balancer's network interfaces cannot be listed", "error", err)
	}
	l.mirror = newMirror(l.clients, &c.Outputs)
	if err := l.mirror.follow(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), l.Close())
		}
		l.logger.Warn("going on without captures", "error", err)
	}
	l.followInterfaces(ctx)
	return l, nil
}

// newNonce marks the lab's own requests. It keeps no secret.
func newNonce() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func (l *Lab) readListeners(ctx context.Context) error {
	all, err := l.clients.Listeners(ctx, l.c.Outputs.LoadBalancerARN)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(l.c.Outputs.Endpoints)) {
		arn := l.c.Outputs.ListenerARNs[name]
		i := slices.IndexFunc(all, func(x Listener) bool { return x.ARN == arn })
		if i < 0 {
			return problem("the lab was changed or taken down since the outputs were written: 'alblab aws up' builds it and writes them again",
				"listener %s (%s) is not there any more", name, arn)
		}
		x := all[i]
		l.ports[name], l.names[arn], l.policies[name] = x.Port, name, x.Policy
		l.actions[name] = x.Actions
		l.first[name] = mtls{x.MTLSMode, x.TrustStoreARN, x.IgnoreExpiry, x.AdvertiseCANames}
		if _, port, _ := net.SplitHostPort(l.c.Outputs.Endpoints[name]); port != strconv.Itoa(x.Port) {
			l.relayed = true
		}
	}
	maps.Copy(l.now, l.first)
	return nil
}

// seeInterfaces notes the load balancer's interfaces: records of others are not its.
func (l *Lab) seeInterfaces(ctx context.Context) error {
	list, err := l.clients.Interfaces(ctx, l.c.Outputs.LoadBalancer())
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range list {
		l.interfaces[n.ID] = n.PrivateIP
	}
	return nil
}

// followEvery is how often the interfaces are listed again: a load balancer that scales gets new ones.
const followEvery = 30 * time.Second

// followInterfaces keeps mirror sessions and the list of interfaces true until Close. On a virtual clock nothing scales.
func (l *Lab) followInterfaces(ctx context.Context) {
	ctx, l.watch = context.WithCancel(context.WithoutCancel(ctx))
	if _, wall := l.clock.(wallClock); !wall {
		return
	}
	l.watching.Add(1)
	go func() {
		defer l.watching.Done()
		for l.clock.WaitUntil(ctx, l.clock.Now().Add(followEvery)) == nil {
			err := errors.Join(l.seeInterfaces(ctx), l.mirror.follow(ctx))
			if err != nil && ctx.Err() == nil {
				l.logger.Warn("following the load balancer's network interfaces", "error", err)
			}
		}
	}()
}

// Capabilities says what a lab in an account can do, before there is one: what a scenario needs beyond that is skipped.
func (o *Outputs) Capabilities(clientCertificates, relayed bool) []lab.Capability {
	var all []lab.Capability
	if o.Mirror != nil {
		all = append(all, lab.Capture)
	}
	if clientCertificates {
		all = append(all, lab.ClientCertificates)
	}
	if !relayed {
		all = append(all, lab.AnyPort)
	}
	return all
}

// Capabilities is what this lab can do.
func (l *Lab) Capabilities() []lab.Capability {
	all := l.c.Outputs.Capabilities(l.c.PKI != nil, l.relayed && l.c.Dial == nil)
	if !l.mirror.works() {
		all = slices.DeleteFunc(all, func(c lab.Capability) bool { return c == lab.Capture })
	}
	return all
}

// Deployed are the listeners that were built, by name: port, policy and mode as they are now.
func (l *Lab) Deployed() map[string]lab.Listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]lab.Listener{}
	for name, port := range l.ports {
		all[name] = lab.Listener{Port: uint16(port), SSLPolicy: l.policies[name], MTLSMode: l.now[name].mode}
	}
	return all
}

// dial connects to a listener by its name, or to ":8444" of the load balancer, at one address of its name or the first.
func (l *Lab) dial(ctx context.Context, from lab.Vantage, listener string, at netip.Addr) (net.Conn, error) {
	if from.Client != 0 || from.IPv6 {
		return nil, fmt.Errorf("dialing %s: this machine has one IPv4 address: no second client and no IPv6", listener)
	}
	address, err := l.address(listener)
	if err != nil {
		return nil, err
	}
	if at.IsValid() {
		_, port, _ := net.SplitHostPort(address)
		address = net.JoinHostPort(at.String(), port)
	}
	if l.c.Dial != nil {
		return l.c.Dial(ctx, from, listener, address)
	}
	return l.dialer.DialContext(ctx, "tcp4", address)
}

func (l *Lab) address(listener string) (string, error) {
	if a, ok := l.c.Outputs.Endpoints[listener]; ok {
		return a, nil
	}
	port, bare := strings.CutPrefix(listener, ":")
	if n, err := strconv.ParseUint(port, 10, 16); bare && err == nil && n > 0 {
		for _, name := range slices.Sorted(maps.Keys(l.c.Outputs.Endpoints)) {
			host, _, _ := net.SplitHostPort(l.c.Outputs.Endpoints[name])
			return net.JoinHostPort(host, port), nil
		}
	}
	return "", fmt.Errorf("dialing %q: the lab has no such listener", listener)
}

// nodes are the addresses that the load balancer's name has now, one for each zone; one that is not valid where connections are
// made by a function or the endpoint is an address.
func (l *Lab) nodes(ctx context.Context) []netip.Addr {
	for _, address := range l.c.Outputs.Endpoints {
		host, _, _ := net.SplitHostPort(address)
		if _, err := netip.ParseAddr(host); err == nil || l.c.Dial != nil {
			return []netip.Addr{{}}
		}
		all, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
		if err != nil || len(all) == 0 {
			return []netip.Addr{{}}
		}
		for i := range all {
			all[i] = all[i].Unmap()
		}
		slices.SortFunc(all, netip.Addr.Compare)
		return all
	}
	return []netip.Addr{{}}
}

// Lessons is what this run learned that only an account can tell, so far.
func (l *Lab) Lessons() []Lesson {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.Clone(l.lessons)
	if a := l.mirror.answer(); a != "" {
		all = append(all, Lesson{"what the API answers to a mirror session on a load balancer's network interface", a})
	}
	return all
}

func (l *Lab) learn(question, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lessons = append(l.lessons, Lesson{question, fmt.Sprintf(format, args...)})
}

// closePatience is how long Close may take to undo what the lab did, also after Ctrl-C.
const closePatience = 30 * time.Second

// Close removes mirror sessions and puts the listeners' modes back. It is done also when the run was interrupted.
func (l *Lab) Close() error {
	if l.watch != nil {
		l.watch()
		l.watching.Wait()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	err := errors.Join(l.setModes(ctx, l.first), l.mirror.remove(ctx))
	if err != nil {
		return explain(err, "leaving the lab as it was found")
	}
	return nil
}
