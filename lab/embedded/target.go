package embedded

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/alblab/alblab/lab/vnet"
)

// targetAddr is the one target of the lab's target group.
var targetAddr = netip.MustParseAddrPort("10.0.3.10:80")

// target is a web server in the VPC that answers with the request headers it got, one a line: what a listener that
// forwards lets its target see, the mutual-TLS headers above all.
type target struct {
	server *http.Server
	done   chan struct{}
	err    error
}

func startTarget(n *vnet.Network, now func() time.Time) (*target, error) {
	l, err := n.Listen(targetAddr)
	if err != nil {
		return nil, fmt.Errorf("starting the target: %w", err)
	}
	t := &target{done: make(chan struct{})}
	t.server = &http.Server{
		Handler:           echoHeaders(now),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	go func() {
		defer close(t.done)
		if err := t.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.err = err
		}
	}()
	return t, nil
}

func (t *target) close() {
	_ = t.server.Close()
	<-t.done
}

func echoHeaders(now func() time.Time) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// As web applications do, it reads what it is sent before it answers: curl 7.88 hangs over h2 when an answer
		// overtakes its upload.
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.Header().Set("Date", now().UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "%s %s %s\nHost: %s\n", r.Method, r.URL, r.Proto, r.Host)
		_ = r.Header.Write(w)
	}
}
