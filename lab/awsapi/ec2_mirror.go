package awsapi

import (
	"fmt"
	"strconv"
)

func describeMirrorTargets(c *call) (out, error) {
	var all []entity
	if c.id.Mirrored {
		all = append(all, entityOf(c.names.mirrorTarget, c.ownTags(), out{
			{"trafficMirrorTargetId", c.names.mirrorTarget}, {"networkInterfaceId", c.names.instanceENI}, {"type", "network-interface"},
			{"description", "alblab"}, {"ownerId", c.id.Account},
		}, "traffic-mirror-target-id", c.names.mirrorTarget, "network-interface-id", c.names.instanceENI, "owner-id", c.id.Account, "description", "alblab"))
	}
	return c.describe("TrafficMirrorTargetId", "tmt", "InvalidTrafficMirrorTargetId.NotFound", "trafficMirrorTargetSet", all)
}

// describeMirrorFilters has a filter that accepts each listener's port, both ways.
func describeMirrorFilters(c *call) (out, error) {
	var all []entity
	if c.id.Mirrored {
		in, back := list{}, list{}
		for i, l := range c.account.Listeners() {
			ports := out{{"fromPort", int(l.Port)}, {"toPort", int(l.Port)}}
			rule := func(direction, side string) out {
				return out{{"trafficMirrorFilterRuleId", fmt.Sprintf("tmfr-%s%02d", c.names.mirrorFilter[4:19], i)}, {"trafficMirrorFilterId", c.names.mirrorFilter},
					{"trafficDirection", direction}, {"ruleNumber", (i + 1) * 10}, {"ruleAction", "accept"}, {"protocol", 6}, {side, ports},
					{"destinationCidrBlock", "0.0.0.0/0"}, {"sourceCidrBlock", "0.0.0.0/0"}}
			}
			in, back = append(in, rule("ingress", "destinationPortRange")), append(back, rule("egress", "sourcePortRange"))
		}
		all = append(all, entityOf(c.names.mirrorFilter, c.ownTags(), out{
			{"trafficMirrorFilterId", c.names.mirrorFilter}, {"description", "alblab"}, {"ingressFilterRuleSet", in}, {"egressFilterRuleSet", back}, {"networkServiceSet", list{}},
		}, "traffic-mirror-filter-id", c.names.mirrorFilter, "description", "alblab"))
	}
	return c.describe("TrafficMirrorFilterId", "tmf", "InvalidTrafficMirrorFilterId.NotFound", "trafficMirrorFilterSet", all)
}

func (s *Server) mirrorBody(m *mirrorSession) out {
	o := out{
		{"trafficMirrorSessionId", m.id}, {"trafficMirrorTargetId", m.target}, {"trafficMirrorFilterId", m.filter}, {"networkInterfaceId", m.eni},
		{"ownerId", s.id.Account}, {"sessionNumber", m.number}, {"virtualNetworkId", int64(m.vni)}, {"description", orNil(m.description)},
	}
	if m.length > 0 {
		o = append(o, field{"packetLength", m.length})
	}
	return o
}

func describeMirrorSessions(c *call) (out, error) {
	var all []entity
	for _, m := range c.mirrors.living() {
		all = append(all, entityOf(m.id, m.tags, c.mirrorBody(&m),
			"traffic-mirror-session-id", m.id, "traffic-mirror-target-id", m.target, "traffic-mirror-filter-id", m.filter, "network-interface-id", m.eni,
			"owner-id", c.id.Account, "session-number", strconv.FormatInt(m.number, 10), "virtual-network-id", strconv.Itoa(int(m.vni)),
			"description", m.description, "packet-length", strconv.FormatInt(m.length, 10)))
	}
	return c.describe("TrafficMirrorSessionId", "tms", "InvalidTrafficMirrorSessionId.NotFound", "trafficMirrorSessionSet", all)
}

// maxSessions is how many sessions one source interface may have
// (docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-quotas.html).
const maxSessions = 3

// createMirrorSession makes a session. From then on, what the lab's network carries at the interface becomes captures in the mirror's
// bucket, as the mirror's instance would write them.
//
// Assumption: the codes of the errors for a number that is taken and for too many sessions; EC2's list of codes has none.
func createMirrorSession(c *call) (out, error) {
	for _, name := range []string{"NetworkInterfaceId", "TrafficMirrorTargetId", "TrafficMirrorFilterId", "SessionNumber"} {
		if !c.in.has(name) {
			return nil, failure("MissingParameter", "The request must contain the parameter %s", name)
		}
	}
	m := &mirrorSession{
		eni: c.in.str("NetworkInterfaceId"), target: c.in.str("TrafficMirrorTargetId"), filter: c.in.str("TrafficMirrorFilterId"),
		number: c.in.num("SessionNumber", 0), length: c.in.num("PacketLength", 0), description: c.in.str("Description"),
		token: c.in.str("ClientToken"), tags: map[string]string{}, begun: c.now(),
	}
	vni := c.in.num("VirtualNetworkId", 0)
	for _, s := range c.in.structs("TagSpecification") {
		for _, t := range s.structs("Tag") {
			m.tags[t.str("Key")] = t.str("Value")
		}
	}
	if err := c.checkSession(m, vni); err != nil {
		return nil, err
	}
	switch {
	case *c.in.problem != nil:
		return nil, *c.in.problem
	case c.in.flag("DryRun"):
		return nil, dryRun()
	case c.faults.get().NoMirror:
		// What an account answered in 2020 for interfaces that do not stand on Nitro
		// (sjakthol.github.io/posts/alb-vpc-traffic-mirroring).
		return nil, failure("NetworkInterfaceNotSupported", "%s must be attached to a supported instance.", m.eni)
	}
	made, err := c.mirrors.add(m, uint32(vni))
	if err != nil {
		return nil, err
	}
	return out{{"trafficMirrorSession", append(c.mirrorBody(made), field{"tagSet", tagSet(made.tags)})}, {"clientToken", orNil(made.token)}}, nil
}

func dryRun() *apiError {
	return &apiError{code: "DryRunOperation", message: "Request would have succeeded, but DryRun flag is set.", status: 412}
}

// checkSession holds a session to what there is, and to the bounds of API_CreateTrafficMirrorSession.
func (c *call) checkSession(m *mirrorSession, vni int64) error {
	if err := checkIDs([]string{m.eni}, "eni", "InvalidNetworkInterfaceID.NotFound", c.interfaces()); err != nil {
		return err
	}
	for _, n := range c.id.Nodes {
		if n.Interface == m.eni {
			m.source = n.Private
		}
	}
	switch {
	case !c.id.Mirrored || m.target != c.names.mirrorTarget:
		return failure("InvalidTrafficMirrorTargetId.NotFound", "The traffic mirror target ID '%.80s' does not exist", m.target)
	case m.filter != c.names.mirrorFilter:
		return failure("InvalidTrafficMirrorFilterId.NotFound", "The traffic mirror filter ID '%.80s' does not exist", m.filter)
	case m.number < 1 || m.number > 32766:
		return failure("InvalidParameterValue", "Value ( %d ) for parameter sessionNumber is invalid. Valid values are 1-32766.", m.number)
	case vni < 0 || vni >= 1<<24:
		return failure("InvalidParameterValue", "Value ( %d ) for parameter virtualNetworkId is invalid. Valid values are 1-16777215.", vni)
	case c.in.has("PacketLength") && (m.length < 1 || m.length > 8500):
		return failure("InvalidParameterValue", "Value ( %d ) for parameter packetLength is invalid.", m.length)
	}
	return nil
}

func deleteMirrorSession(c *call) (out, error) {
	id := c.in.str("TrafficMirrorSessionId")
	if id == "" {
		return nil, failure("MissingParameter", "The request must contain the parameter TrafficMirrorSessionId")
	}
	var all []entity
	for _, m := range c.mirrors.living() {
		all = append(all, entity{id: m.id})
	}
	if err := checkIDs([]string{id}, "tms", "InvalidTrafficMirrorSessionId.NotFound", all); err != nil {
		return nil, err
	}
	if c.in.flag("DryRun") {
		return nil, dryRun()
	}
	c.mirrors.end(id, c.now())
	return out{{"trafficMirrorSessionId", id}}, nil
}
