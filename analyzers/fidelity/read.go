package fidelity

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// reader reads one bundle's records as entries.
type reader struct {
	bundle     *evidence.Bundle
	most       int
	common     map[string]bool // the scenarios that both bundles have; nil: all
	ports      map[int]bool    // the listeners' ports; empty: not known
	byName     map[string]int  // port of each listener
	otherwise  map[int]int     // the port that the first bundle has for a listener of this one, where that is another
	clients    map[netip.Addr]bool
	owners     []map[int]string // for each slot, the scenario that used a port
	apart      map[string]bool  // the scenarios that have a slot alone in both bundles
	traces     map[string]int   // port of each request that the access log has, by its trace id
	background int
	damaged    int
}

func newReader(b *evidence.Bundle, most int, common map[string]bool) (*reader, error) {
	r := &reader{bundle: b, most: most, common: common, ports: map[int]bool{}, byName: map[string]int{}, clients: map[netip.Addr]bool{}}
	var spec struct {
		Listeners map[string]struct {
			Port int `json:"port"`
		} `json:"listeners"`
	}
	if len(b.Manifest.Spec) > 0 {
		if err := json.Unmarshal(b.Manifest.Spec, &spec); err != nil {
			return nil, fmt.Errorf("reading the spec of %s: %w", evidence.ManifestName, err)
		}
	}
	for name, l := range spec.Listeners {
		r.ports[l.Port] = true
		r.byName[name] = l.Port
	}
	for _, c := range b.Manifest.Clients {
		a, err := netip.ParseAddr(c)
		if err != nil {
			return nil, fmt.Errorf("reading the clients of %s: %w", evidence.ManifestName, err)
		}
		r.clients[a] = true
	}
	return r, r.learnOwners()
}

// learnOwners finds out which scenario used which port in a slot that several scenarios share.
func (r *reader) learnOwners() error {
	r.owners = make([]map[int]string, len(r.bundle.Manifest.Slots))
	for i := range r.owners {
		r.owners[i] = map[int]string{}
	}
	_, err := collect(r, evidence.KindAttempts, documents, func(d document) (entry, int, bool) {
		scenario, _ := d.value["scenario"].(string)
		listener, _ := d.value["listener"].(string)
		text, _ := d.value["time"].(string)
		at, err := time.Parse(time.RFC3339Nano, text)
		if i := r.slot(at); err == nil && i >= 0 && r.byName[listener] > 0 {
			r.owners[i][r.byName[listener]] = scenario
		}
		return entry{}, 0, false
	})
	r.damaged = 0 // they are counted when the attempts are compared
	return err
}

// slot is the index of the slot that a time belongs to, or -1.
func (r *reader) slot(at time.Time) int {
	return slices.IndexFunc(r.bundle.Manifest.Slots, func(s evidence.Slot) bool { return !at.Before(s.Start) && at.Before(s.End) })
}

func (r *reader) side() Side {
	m := r.bundle.Manifest
	return Side{Lab: m.Lab, LoadBalancer: m.LoadBalancer, Background: r.background, Damaged: r.damaged}
}

// own says which scenario a record belongs to. It is not the run's own if it is of a stranger, outside of all slots, or of a
// scenario that the other bundle has not. A port of 0 is one that the record does not tell.
func (r *reader) own(client netip.Addr, at time.Time, port int) (scenario string, ok bool) {
	if len(r.clients) > 0 && client.IsValid() && !r.clients[client.Unmap()] {
		r.background++
		return "", false
	}
	slots := r.bundle.Manifest.Slots
	if len(slots) == 0 {
		return "", true
	}
	i := r.slot(at)
	if i < 0 {
		r.background++
		return "", false
	}
	scenario = r.owners[i][port]
	if len(slots[i].Scenarios) == 1 {
		scenario = slots[i].Scenarios[0]
	}
	return scenario, scenario == "" || r.common == nil || r.common[scenario]
}

// like makes the ports of listeners those of another bundle: where two labs were planned apart, a listener of the same name may have
// got another one.
func (r *reader) like(first *reader) {
	r.otherwise = map[int]int{}
	for name, port := range r.byName {
		if p, ok := first.byName[name]; ok {
			r.otherwise[port] = p
		}
	}
}

// port is a listener's port as the first bundle has it.
func (r *reader) port(p int) string {
	if first, ok := r.otherwise[p]; ok {
		p = first
	}
	return strconv.Itoa(p)
}

func (r *reader) group(scenario string, port int, direction string) string {
	g := scenario
	if port > 0 {
		g += ":" + r.port(port)
	}
	if direction != "" {
		g += " " + direction
	}
	return strings.TrimSpace(g)
}

// collect reads all records of a kind. toEntry makes a record's entry, or says that it is not the run's own.
func collect[T any](r *reader, k evidence.Kind, records func(io.Reader, *evidence.Options) iter.Seq2[T, error], toEntry func(T) (e entry, line int, ok bool)) ([]entry, error) {
	var all []entry
	err := r.bundle.Each(k, func(in io.Reader, o *evidence.Options) error {
		for rec, err := range records(in, o) {
			switch {
			case evidence.IsDamage(err):
				r.damaged++
				continue
			case err != nil:
				return err
			}
			e, line, ok := toEntry(rec)
			if !ok {
				continue
			}
			if len(all) == r.most {
				return fmt.Errorf("more than %d %s records: compare runs of scenarios, not a day of traffic", r.most, k)
			}
			e.ref = evidence.Ref{File: o.File, Line: line}
			all = append(all, e)
		}
		return nil
	})
	return all, err
}
