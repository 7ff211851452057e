package analyzers

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/alblab/alblab/analyzers/correlate"
)

// usageByClient is the breakdown that experiment 1 makes from the access log: which versions and suites each client uses.
func usageByClient(res *correlate.Result) map[netip.Addr][]Usage {
	out := map[netip.Addr][]Usage{}
	for u, n := range res.Usage {
		out[u.Client] = append(out[u.Client], Usage{Version: u.Version, Cipher: u.Cipher, Requests: n.Requests, Connections: n.Connections})
	}
	for _, l := range out {
		share(l)
	}
	return out
}

// usageTotal is the same for all clients together.
func usageTotal(res *correlate.Result) []Usage {
	type key struct{ version, cipher string }
	sums := map[key]*Usage{}
	for u, n := range res.Usage {
		k := key{u.Version, u.Cipher}
		if sums[k] == nil {
			sums[k] = &Usage{Version: u.Version, Cipher: u.Cipher}
		}
		sums[k].Requests += n.Requests
		sums[k].Connections += n.Connections
	}
	out := make([]Usage, 0, len(sums))
	for _, u := range sums {
		out = append(out, *u)
	}
	share(out)
	return out
}

// plain says whether u counts requests without TLS.
func (u *Usage) plain() bool { return u.Version == "" && u.Cipher == "" }

// share fills in the shares of what used TLS and sorts: most used first, then by version and cipher; what is without TLS last.
func share(l []Usage) {
	var requests, connections int64
	for _, u := range l {
		if u.plain() {
			continue
		}
		requests += u.Requests
		connections += u.Connections
	}
	for i := range l {
		switch {
		case l[i].plain():
		case requests > 0:
			l[i].Share = float64(l[i].Requests) / float64(requests)
		case connections > 0:
			l[i].Share = float64(l[i].Connections) / float64(connections)
		}
	}
	slices.SortFunc(l, func(x, y Usage) int {
		if x.plain() != y.plain() {
			return cmp.Compare(y.Version+y.Cipher, x.Version+x.Cipher)
		}
		return cmp.Or(cmp.Compare(y.Requests, x.Requests), cmp.Compare(y.Connections, x.Connections),
			cmp.Compare(x.Version, y.Version), cmp.Compare(x.Cipher, y.Cipher))
	})
}

// age is what the clients in use are ordered by for people: experiment 1 looks for those that an update of the policy hurts.
type age struct {
	lowest   string // protocol version, the logs' names sort by age: SSLv3, TLSv1, TLSv1.1; "" for none
	noSecret int64  // uses of suites without forward secrecy
	all      int64  // uses
}

func ageOf(l []Usage) (a age) {
	for _, u := range l {
		n := max(u.Requests, u.Connections)
		a.all += n
		if u.Version != "" && (a.lowest == "" || u.Version < a.lowest) {
			a.lowest = u.Version
		}
		if u.Cipher != "" && !forwardSecret(u.Cipher) {
			a.noSecret += n
		}
	}
	return a
}

// forwardSecret says whether a suite has forward secrecy, by the name in the logs: OpenSSL's, which begins with the key
// exchange unless that is RSA, and the RFCs' for TLS 1.3, whose suites name none (RFC 8446, section B.4).
func forwardSecret(cipher string) bool {
	for _, p := range []string{"ECDHE-", "DHE-", "EDH-", "TLS_AES_", "TLS_CHACHA20_", "TLS_ECDHE_", "TLS_DHE_"} {
		if strings.HasPrefix(cipher, p) {
			return true
		}
	}
	return false
}

// compare puts the oldest version first, then most uses without forward secrecy, then most uses; who used no TLS is last.
func (a age) compare(b age) int {
	if (a.lowest == "") != (b.lowest == "") {
		return strings.Compare(b.lowest, a.lowest)
	}
	return cmp.Or(strings.Compare(a.lowest, b.lowest), cmp.Compare(b.noSecret, a.noSecret), cmp.Compare(b.all, a.all))
}

// oldestFirst returns the clients of which a use of the load balancer is known, in that order.
func oldestFirst(clients []Client) []Client {
	type aged struct {
		c Client
		age
	}
	var l []aged
	for _, c := range clients {
		if len(c.TLS) > 0 {
			l = append(l, aged{c, ageOf(c.TLS)})
		}
	}
	slices.SortStableFunc(l, func(x, y aged) int { return cmp.Or(x.compare(y.age), compareAddr(x.c.Address, y.c.Address)) })
	out := make([]Client, len(l))
	for i, a := range l {
		out[i] = a.c
	}
	return out
}
