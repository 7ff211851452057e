package benchmark

import (
	"fmt"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// catalogue is the hellos of real clients, and what each listener's policy answers to them.
type catalogue struct {
	hellos    []hello
	listeners []string
	policies  map[string]*policy.Policy
	certs     map[string]policy.CertSet
}

type hello struct {
	profile clients.Profile
	parsed  *wire.ClientHello
}

func newCatalogue(spec lab.Spec) (*catalogue, error) {
	c := &catalogue{listeners: []string{current, tls12, tls13}, policies: map[string]*policy.Policy{}, certs: map[string]policy.CertSet{}}
	for _, name := range c.listeners {
		l := spec.Listeners[name]
		var err error
		if c.policies[name], err = policy.ByName(l.SSLPolicy); err != nil {
			return nil, err
		}
		if c.certs[name], err = policy.ParseCertSet(l.Certificate); err != nil {
			return nil, err
		}
	}
	for _, client := range catalog.All() {
		raw, err := client.Hello("lab.alblab.example")
		if err != nil {
			return nil, fmt.Errorf("client %s: %w", client.Name, err)
		}
		h := hello{profile: clients.Profile{Name: client.Name, Doc: "the hello of " + client.Name, Kind: clients.KindRaw, Raw: raw}}
		if h.parsed, err = wire.ParseHello(raw); err != nil {
			return nil, fmt.Errorf("client %s: %w", client.Name, err)
		}
		c.hellos = append(c.hellos, h)
	}
	return c, nil
}

// causes are the signatures of a policy's reasons.
var causes = map[policy.Reason]string{
	policy.ReasonMalformed:             signatures.MalformedHello,
	policy.ReasonNoCommonVersion:       signatures.NoCommonVersion,
	policy.ReasonInappropriateFallback: signatures.InappropriateFallback,
	policy.ReasonNoCommonSuite:         signatures.NoCommonSuite,
	policy.ReasonNoCommonGroup:         signatures.NoCommonGroup,
	policy.ReasonNoCommonScheme:        signatures.NoCommonSignatureScheme,
}

// fromCatalogue sends a real client's hello as it was recorded. It completes nothing: accepted, it leaves after the load balancer's
// flight.
func fromCatalogue(g *generator, d *deed) {
	h := &g.cat.hellos[g.IntN(len(g.cat.hellos))]
	d.listener = g.cat.listeners[g.IntN(len(g.cat.listeners))]
	d.profile = &h.profile
	switch r := g.cat.policies[d.listener].Decide(h.parsed, g.cat.certs[d.listener]); {
	case r.Outcome == policy.Refused:
		refused(d, causes[r.Reason])
	default:
		d.is(analyzers.StageClosedByOther, signatures.ClosedByClient)
	}
}
