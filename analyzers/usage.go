package analyzers

import (
	"cmp"
	"net/netip"
	"slices"

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

// share fills in the shares and sorts: most used first, then by version and cipher.
func share(l []Usage) {
	var requests, connections int64
	for _, u := range l {
		requests += u.Requests
		connections += u.Connections
	}
	for i := range l {
		switch {
		case requests > 0:
			l[i].Share = float64(l[i].Requests) / float64(requests)
		case connections > 0:
			l[i].Share = float64(l[i].Connections) / float64(connections)
		}
	}
	slices.SortFunc(l, func(x, y Usage) int {
		return cmp.Or(cmp.Compare(y.Requests, x.Requests), cmp.Compare(y.Connections, x.Connections),
			cmp.Compare(x.Version, y.Version), cmp.Compare(x.Cipher, y.Cipher))
	})
}
