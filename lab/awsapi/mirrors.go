package awsapi

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// mirrors are the traffic mirror sessions, also those that have been deleted: what they carried may still be on its way.
type mirrors struct {
	mu       sync.Mutex
	sessions []*mirrorSession
	made     int
}

// mirrorSession is a traffic mirror session
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTrafficMirrorSession.html).
type mirrorSession struct {
	id, eni, target, filter, description, token string
	source                                      netip.Addr // the interface's primary address
	number, length                              int64      // length 0: the whole packet
	vni                                         uint32
	begun, ended                                time.Time // ended is zero while it lives
	tags                                        map[string]string
}

// living are the sessions that have not been deleted, in the order of their making.
func (m *mirrors) living() []mirrorSession {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []mirrorSession
	for _, s := range m.sessions {
		if s.ended.IsZero() {
			all = append(all, *s)
		}
	}
	return all
}

// firstVNI is the network identifier of the first session that names none.
const firstVNI = 1_000_001

// add makes a session. The same client token gives the same session again.
func (m *mirrors) add(s *mirrorSession, vni uint32) (*mirrorSession, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	same := 0
	for _, o := range m.sessions {
		switch {
		case !o.ended.IsZero():
		case s.token != "" && o.token == s.token:
			return o, nil
		case o.eni == s.eni && o.number == s.number:
			return nil, failure("TrafficMirrorSessionNumberInUse", "The session number %d is already in use for the network interface '%s'", s.number, s.eni)
		case o.eni == s.eni:
			same++
		}
	}
	if same >= maxSessions {
		return nil, failure("TrafficMirrorSessionLimitExceeded", "The maximum number of traffic mirror sessions for the network interface '%s' has been reached", s.eni)
	}
	m.made++
	s.id, s.vni = fmt.Sprintf("tms-0%016x", m.made), vni
	if vni == 0 {
		s.vni = firstVNI + uint32(m.made-1)
	}
	m.sessions = append(m.sessions, s)
	return s, nil
}

// carries finds the session that mirrors a packet of an interface at a time: the one with the lowest number, as each packet is mirrored
// once (docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-sessions.html).
func (m *mirrors) carries(source netip.Addr, t time.Time) (best mirrorSession, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if s.source != source || t.Before(s.begun) || !s.ended.IsZero() && !t.Before(s.ended) {
			continue
		}
		if !ok || s.number < best.number {
			best, ok = *s, true
		}
	}
	return best, ok
}

// end deletes a session.
func (m *mirrors) end(id string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.sessions, func(s *mirrorSession) bool { return s.id == id && s.ended.IsZero() })
	if i < 0 {
		return false
	}
	m.sessions[i].ended = now
	return true
}

// shape makes of a mirrored packet what this session sends: its network identifier, and no more than its packet length behind the VXLAN
// header (docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-packet-formats.html). b is changed.
func (s *mirrorSession) shape(b []byte) []byte {
	be := binary.BigEndian
	be.PutUint32(b[outerHead-4:], s.vni<<8)
	if s.length <= 0 || int64(len(b)-outerHead) <= s.length {
		return b
	}
	b = b[:outerHead+int(s.length)]
	ip := b[14:]
	be.PutUint16(ip[2:], uint16(len(ip)))
	be.PutUint16(ip[24:], uint16(len(ip)-20))
	be.PutUint16(ip[10:], 0)
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(be.Uint16(ip[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	be.PutUint16(ip[10:], ^uint16(sum))
	return b
}
