package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/alblab/alblab/clients/catalog"
)

// endpoint is a server that clients are sent to.
type endpoint struct {
	name string // for its users: HOST:PORT
	host string // for SNI and Host
	addr netip.AddrPort
	dial catalog.Dial
}

// lookupPatience bounds the look-up of a name.
const lookupPatience = 5 * time.Second

// resolveEndpoint reads HOST[:PORT]; the port is 443 where none is given. The name is looked up once.
func resolveEndpoint(ctx context.Context, s string) (*endpoint, error) {
	host, port, err := splitEndpoint(s)
	if err != nil {
		return nil, hint(err, "like www.example.com:443, 127.0.0.1:8443 or [::1]:8443")
	}
	ctx, cancel := context.WithTimeout(ctx, lookupPatience)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err == nil && len(addrs) == 0 {
		err = errors.New("no address")
	}
	if err != nil {
		return nil, fmt.Errorf("looking up %s: %w", host, firstLine(err))
	}
	at := addrs[0]
	for _, a := range addrs { // curl would try both; IPv4 works in more places
		if a.Unmap().Is4() {
			at = a.Unmap()
			break
		}
	}
	e := &endpoint{name: net.JoinHostPort(host, strconv.Itoa(int(port))), host: host, addr: netip.AddrPortFrom(at, port)}
	var d net.Dialer
	e.dial = func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", e.addr.String()) }
	return e, nil
}

func splitEndpoint(s string) (host string, port uint16, err error) {
	if i := strings.Index(s, "://"); i >= 0 {
		return "", 0, fmt.Errorf("%q is a URL: want HOST:PORT", s)
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.String(), 443, nil
	}
	host, digits, err := net.SplitHostPort(s)
	if err != nil && !strings.Contains(s, ":") {
		host, digits, err = s, "443", nil
	}
	n, perr := strconv.ParseUint(digits, 10, 16)
	switch {
	case err != nil || host == "" || strings.ContainsAny(host, "/ "):
		return "", 0, fmt.Errorf("%q is no HOST:PORT", s)
	case perr != nil || n == 0:
		return "", 0, fmt.Errorf("%q: the port is no number from 1 to 65535", s)
	}
	return host, uint16(n), nil
}

// unreachable makes an error of an endpoint that no connection could be made to. why is what one of the attempts says.
func (e *endpoint) unreachable(why string) error {
	err := fmt.Errorf("%s: %s", e.name, why)
	if why == "connection refused" {
		return hint(err, "nobody listens there; 'alblab serve' starts a load balancer of the lab on 127.0.0.1:8443")
	}
	return err
}
