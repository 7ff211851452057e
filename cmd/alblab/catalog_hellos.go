package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// catalogHello is a client of the catalogue and its hello, as a policy reads it.
type catalogHello struct {
	client *catalog.Client
	hello  *wire.ClientHello
	size   int // of all records
}

// helloHost is the name that clients of the catalogue ask for where only their hellos matter.
const helloHost = "www.example.com"

// parsedHellos makes the hellos of clients.
func parsedHellos(list []*catalog.Client) ([]catalogHello, error) {
	out := make([]catalogHello, 0, len(list))
	for _, c := range list {
		b, err := c.Hello(helloHost)
		if err != nil {
			return nil, fmt.Errorf("client %s: %w", c.Name, err)
		}
		h, err := wire.ParseHello(b)
		if err != nil {
			return nil, fmt.Errorf("client %s: %w", c.Name, err)
		}
		out = append(out, catalogHello{c, h, len(b)})
	}
	return out, nil
}

// refusedClient is a client that a policy refuses.
type refusedClient struct {
	client *catalog.Client
	reason policy.Reason
	detail string
}

func refusedBy(p *policy.Policy, hellos []catalogHello, certs policy.CertSet) []refusedClient {
	var out []refusedClient
	for _, h := range hellos {
		if d := p.Decide(h.hello, certs); d.Outcome == policy.Refused {
			out = append(out, refusedClient{h.client, d.Reason, policy.Detail(p, h.hello, certs, d)})
		}
	}
	return out
}

// families sums clients up: "IE 6 to 10 (8), Java 6u45 to 7u25 (2), Tor". The catalogue is in the order of families and years.
func families(list []refusedClient) string {
	type family struct {
		name        string
		first, last string
		n           int
	}
	var all []family
	for _, c := range list {
		i := slices.IndexFunc(all, func(f family) bool { return f.name == c.client.Family })
		if i < 0 {
			all = append(all, family{name: c.client.Family, first: c.client.Version})
			i = len(all) - 1
		}
		all[i].last = c.client.Version
		all[i].n++
	}
	var words []string
	for _, f := range all {
		w := strings.TrimSpace(f.name + " " + f.first)
		if f.first != f.last {
			w += " to " + f.last
		}
		if f.n > 1 {
			w += fmt.Sprintf(" (%d)", f.n)
		}
		words = append(words, w)
	}
	const most = 12
	if len(words) > most {
		words = append(words[:most-1], fmt.Sprintf("and %d more families", len(words)-most+1))
	}
	return strings.Join(words, ", ")
}
