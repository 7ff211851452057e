package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/alblab/alblab/lab/aws/ec2query"
)

// mirror holds the traffic mirror sessions of a run. Terraform cannot make them: a load balancer's network interfaces are known
// only after apply, and change as it scales. AWS's own tool works the same way
// (https://github.com/aws/elastic-load-balancing-tools, alb-clb-traffic-mirroring).
type mirror struct {
	clients      *Clients
	out          *MirrorOutput
	loadBalancer string
	tags         []ec2query.Tag

	mu       sync.Mutex
	sessions map[string]string // by network interface
	refused  error             // what AWS answered when it refused one
	made     int
}

func newMirror(c *Clients, o *Outputs) *mirror {
	if o.Mirror == nil {
		return nil
	}
	return &mirror{
		clients: c, out: o.Mirror, loadBalancer: o.LoadBalancer(), sessions: map[string]string{},
		tags: []ec2query.Tag{{Key: TagRun, Value: o.RunID}, {Key: TagOwner, Value: "alblab"}, {Key: TagExpires, Value: o.ExpiresAt.UTC().Format("2006-01-02T15:04:05Z")}},
	}
}

// follow makes a session for each interface that has none yet and forgets those of interfaces that are gone. A nil mirror
// does nothing. A refusal is an error, and those that could be made stay.
func (m *mirror) follow(ctx context.Context) error {
	if m == nil {
		return nil
	}
	list, err := m.clients.Interfaces(ctx, m.loadBalancer)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.sessions) == 0 && len(list) > 0 { // those of a run that was killed serve as well
		have, err := m.clients.EC2.MirrorSessions(ctx, ec2query.Filter{Name: "traffic-mirror-target-id", Values: []string{m.out.TargetID}})
		if err != nil {
			return explain(err, "listing mirror sessions")
		}
		for _, s := range have {
			if s.TargetID == m.out.TargetID {
				m.sessions[s.NetworkInterface] = s.ID
			}
		}
	}
	var errs []error
	for i, nic := range list {
		if _, ok := m.sessions[nic.ID]; ok {
			continue
		}
		vni := 0
		if m.out.VNI > 0 {
			vni = m.out.VNI + i
		}
		s, err := m.clients.EC2.CreateMirrorSession(ctx, ec2query.MirrorSession{
			TargetID: m.out.TargetID, FilterID: m.out.FilterID, NetworkInterface: nic.ID, Number: 1, VNI: vni,
			Description: "alblab: " + m.loadBalancer, Tags: m.tags,
		})
		if err != nil {
			errs = append(errs, explain(err, "mirroring %s", nic.ID))
			continue
		}
		m.sessions[nic.ID] = s.ID
		m.made++
	}
	for nic := range m.sessions { // AWS ends the session of an interface that goes
		if !slices.ContainsFunc(list, func(n ec2query.NetworkInterface) bool { return n.ID == nic }) {
			delete(m.sessions, nic)
		}
	}
	m.refused = errors.Join(errs...)
	return m.refused
}

// works reports whether packets of the load balancer reach the target.
func (m *mirror) works() bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions) > 0 && m.refused == nil
}

// answer is what AWS says to mirroring a load balancer's interfaces: an open question.
func (m *mirror) answer() string {
	if m == nil {
		return ""
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.refused != nil:
		return "refused: " + m.refused.Error()
	case m.made > 0:
		return fmt.Sprintf("accepted: %d made", m.made)
	case len(m.sessions) > 0:
		return fmt.Sprintf("accepted earlier: %d found", len(m.sessions))
	}
	return ""
}

// remove deletes all sessions, before the interfaces' end and Terraform's destroy of target and filter.
func (m *mirror) remove(ctx context.Context) error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for nic, id := range m.sessions {
		err := m.clients.EC2.DeleteMirrorSession(ctx, id)
		if err != nil && code(err) != "InvalidTrafficMirrorSessionId.NotFound" {
			errs = append(errs, explain(err, "removing mirror session %s", id))
			continue
		}
		delete(m.sessions, nic)
	}
	return errors.Join(errs...)
}

// EndSessions deletes the mirror sessions of a lab by their tag: a run that was killed has left its own, and mirror target and
// filter cannot go before them. It returns how many there were.
func (c *Clients) EndSessions(ctx context.Context, run string) (int, error) {
	sessions, err := c.EC2.MirrorSessions(ctx, ec2query.Filter{Name: "tag:" + TagRun, Values: []string{run}})
	if err != nil {
		return 0, explain(err, "looking for mirror sessions")
	}
	var errs []error
	for _, s := range sessions {
		if err := c.EC2.DeleteMirrorSession(ctx, s.ID); err != nil && !gone(err) {
			errs = append(errs, explain(err, "removing mirror session %s", s.ID))
		}
	}
	return len(sessions), errors.Join(errs...)
}

// MirrorSession is a traffic mirror session, as the interface [EC2] has it.
type MirrorSession = ec2query.MirrorSession
