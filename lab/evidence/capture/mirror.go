package capture

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"
)

// Session is a traffic mirror session: packets of one source interface go to the target under a network identifier.
// Source of the form: docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-packet-formats.html
type Session struct {
	VNI    uint32     // VirtualNetworkId, 24 bits
	Source netip.Addr // primary private IPv4 address of the source interface
}

// MirrorOptions for [NewMirrorWriter].
type MirrorOptions struct {
	Sessions     []Session  // by source interface, at least one
	Target       netip.Addr // IPv4 address of the target interface
	TargetMAC    MAC        // of the target interface
	GatewayMAC   MAC        // of the subnet's router, from which the target receives
	PacketLength int        // bytes kept of each mirrored frame, as PacketLength of CreateTrafficMirrorSession; 0 keeps all
}

// MirrorWriter writes what a mirror target receives as pcapng: each frame of the source in Ethernet, IPv4, UDP to port 4789
// and VXLAN (RFC 7348). It is safe for concurrent use. A nil *MirrorWriter is valid and does nothing. The first error stays
// and is given again by all later calls.
type MirrorWriter struct {
	mu      sync.Mutex
	w       *bufio.Writer
	heads   [][]byte // by session: the outer headers, lengths and checksum to be filled in
	sums    []uint32 // by session: the sum of the outer IPv4 header without its length and identification
	length  int
	scratch []byte
	id      uint16
	n       int
	err     error
}

const outerLen = ethernetLen + ipv4Len + udpLen + vxlanLen

// NewMirrorWriter writes the file's first blocks to w and returns the writer. Call Flush at the end; w is not closed.
func NewMirrorWriter(w io.Writer, o MirrorOptions) (*MirrorWriter, error) {
	if len(o.Sessions) == 0 || !o.Target.Is4() {
		return nil, fmt.Errorf("mirror writer needs a session and an IPv4 target, got %d sessions and target %s", len(o.Sessions), o.Target)
	}
	m := &MirrorWriter{w: bufio.NewWriterSize(w, writerBuffer), length: o.PacketLength, scratch: make([]byte, 0, 128)}
	for _, s := range o.Sessions {
		if s.VNI >= 1<<24 || !s.Source.Is4() {
			return nil, fmt.Errorf("mirror session needs a VNI of 24 bits and an IPv4 source, got %d and %s", s.VNI, s.Source)
		}
		h := outerHeader(o, s)
		m.heads = append(m.heads, h)
		m.sums = append(m.sums, sum16(h[ethernetLen:ethernetLen+ipv4Len]))
	}
	if _, err := m.w.Write(ngStart()); err != nil {
		return nil, fmt.Errorf("writing mirror capture: %w", err)
	}
	return m, nil
}

// ngStart returns a section header block and the description of one Ethernet interface with nanoseconds
// (draft-ietf-opsawg-pcapng, sections 4.1 and 4.2).
func ngStart() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, blockSection)
	b = le.AppendUint32(b, 28)
	b = le.AppendUint32(b, byteOrderMagic)
	b = le.AppendUint32(b, 1) // version 1.0
	b = le.AppendUint64(b, 1<<64-1)
	b = le.AppendUint32(b, 28)
	b = le.AppendUint32(b, blockInterface)
	b = le.AppendUint32(b, 32)
	b = le.AppendUint32(b, linkEthernet)
	b = le.AppendUint32(b, 0) // no snap length
	b = le.AppendUint16(b, optTSResolution)
	b = le.AppendUint16(b, 1)
	b = append(b, 9, 0, 0, 0) // 10^-9 s
	b = le.AppendUint32(b, 0) // end of options
	return le.AppendUint32(b, 32)
}

// outerHeader makes the headers around a mirrored frame with lengths and checksums zero.
func outerHeader(o MirrorOptions, s Session) []byte {
	b := append([]byte(nil), o.TargetMAC[:]...)
	b = append(b, o.GatewayMAC[:]...)
	src, dst := s.Source.As4(), o.Target.As4()
	b = append(b, etherIPv4>>8, etherIPv4&0xff, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, protoUDP, 0, 0)
	b = append(b, src[:]...)
	b = append(b, dst[:]...)
	b = append(b, 0, 0, vxlanPort>>8, vxlanPort&0xff, 0, 0, 0, 0)
	return append(b, 0x08, 0, 0, 0, byte(s.VNI>>16), byte(s.VNI>>8), byte(s.VNI), 0)
}

// sum16 adds up 16-bit words, for the Internet checksum (RFC 1071).
func sum16(b []byte) (s uint32) {
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(b[i])<<8 | uint32(b[i+1])
	}
	return s
}

// WriteIP mirrors one IP packet of the interface whose session is Sessions[session]; src and dst are the Ethernet addresses
// that the frame has at that interface. It keeps nothing of ip.
func (m *MirrorWriter) WriteIP(t time.Time, session int, src, dst MAC, ip []byte) error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	if session < 0 || session >= len(m.heads) {
		return fmt.Errorf("writing mirror capture: no session %d", session)
	}
	inner := min(ethernetLen+len(ip), 0xffff-(outerLen-ethernetLen)) // what an outer IPv4 packet can hold
	if m.length > 0 {
		inner = min(inner, m.length)
	}
	full := outerLen + inner
	pad := -full & 3
	le := binary.LittleEndian
	b := le.AppendUint32(m.scratch[:0], blockPacket)
	b = le.AppendUint32(b, uint32(32+full+pad))
	b = le.AppendUint32(b, 0) // interface
	ns := uint64(t.UnixNano())
	b = le.AppendUint32(b, uint32(ns>>32))
	b = le.AppendUint32(b, uint32(ns))
	b = le.AppendUint32(b, uint32(full))
	b = le.AppendUint32(b, uint32(full))
	head := len(b)
	b = append(b, m.heads[session]...)
	m.fillOuter(b[head:], m.sums[session], inner, ip)
	b = appendEthernet(b, src, dst, ip)
	m.write(b[:min(len(b), head+full)])
	m.write(ip[:max(0, inner-ethernetLen)])
	b = append(m.scratch[:0], make([]byte, 3)[:pad]...)
	m.write(le.AppendUint32(b, uint32(32+full+pad)))
	if m.err == nil {
		m.n++
	}
	return m.err
}

// fillOuter writes lengths, identification, source port and checksum into the outer headers.
//
// The UDP checksum stays zero as RFC 7348, section 4, asks for. Assumption: the source port is a hash of the inner flow as
// the same section recommends; AWS does not document it.
func (m *MirrorWriter) fillOuter(h []byte, sum uint32, inner int, ip []byte) {
	be := binary.BigEndian
	h = h[ethernetLen:]
	total := ipv4Len + udpLen + vxlanLen + inner
	m.id++
	be.PutUint16(h[2:], uint16(total))
	be.PutUint16(h[4:], m.id)
	sum += uint32(total) + uint32(m.id)
	sum = sum>>16 + sum&0xffff
	sum += sum >> 16
	be.PutUint16(h[10:], ^uint16(sum))
	udp := h[ipv4Len:]
	be.PutUint16(udp, flowPort(ip))
	be.PutUint16(udp[4:], uint16(udpLen+vxlanLen+inner))
}

// flowPort returns a port of the dynamic range, the same for all packets of a connection in one direction.
func flowPort(ip []byte) uint16 {
	var from, to int
	switch {
	case len(ip) >= 24 && ip[0]>>4 == 4:
		from, to = 12, 24 // addresses and, without options, ports
	case len(ip) >= 44 && ip[0]>>4 == 6:
		from, to = 8, 44
	}
	hash := uint32(2166136261) // FNV-1a
	for _, c := range ip[from:to] {
		hash = (hash ^ uint32(c)) * 16777619
	}
	return 49152 + uint16(hash>>16^hash)&0x3fff
}

func (m *MirrorWriter) write(b []byte) {
	if m.err != nil {
		return
	}
	if _, err := m.w.Write(b); err != nil {
		m.err = fmt.Errorf("writing mirror capture: %w", err)
	}
}

// Flush writes out what is buffered.
func (m *MirrorWriter) Flush() error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		if err := m.w.Flush(); err != nil {
			m.err = fmt.Errorf("writing mirror capture: %w", err)
		}
	}
	return m.err
}

// Count returns the number of packets written.
func (m *MirrorWriter) Count() int {
	if m == nil {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}
