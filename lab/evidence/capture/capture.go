// Package capture writes and reads packet captures: pcap as tcpdump writes it at a network interface, and pcapng of
// VXLAN packets as a target of VPC traffic mirroring receives them.
//
// To write, start with [NewWriter] or [NewMirrorWriter]. To read, [Conversations] tells what happened on each TCP
// connection, its ClientHello and the server's answer first of all; [Packets] gives the packets one by one. The readers
// look at headers and at the unencrypted part of TLS; they decrypt nothing and reassemble no IP fragments.
package capture

// MAC is an Ethernet address.
type MAC [6]byte

// Ethernet types, IEEE 802 numbers.
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
	etherVLAN = 0x8100 // IEEE 802.1Q
	etherQinQ = 0x88a8 // IEEE 802.1ad
	etherOld  = 0x9100 // QinQ before 802.1ad
	etherNet  = 0x6558 // transparent Ethernet bridging: a frame within a tunnel
)

const (
	ethernetLen = 14
	ipv4Len     = 20 // without options
	udpLen      = 8
	vxlanLen    = 8
	vxlanPort   = 4789 // RFC 7348, section 8
	geneveLen   = 8    // without options
	genevePort  = 6081 // RFC 8926, section 3.3
)

// defaultSnapLen is what tcpdump captures of a packet unless told otherwise.
const defaultSnapLen = 262144

// appendEthernet appends an Ethernet header for an IP packet of either version.
func appendEthernet(b []byte, src, dst MAC, ip []byte) []byte {
	b = append(b, dst[:]...)
	b = append(b, src[:]...)
	if len(ip) > 0 && ip[0]>>4 == 6 {
		return append(b, etherIPv6>>8, etherIPv6&0xff)
	}
	return append(b, etherIPv4>>8, etherIPv4&0xff)
}

// Stats is what a reader met. Hand a pointer in with [Limits].
type Stats struct {
	Frames    int64 // packets in the file
	Bytes     int64 // as captured
	NotIP     int64 // ARP and the like, passed over
	NotTCP    int64 // other protocols over IP
	Tunnelled int64 // within VXLAN or GENEVE
	Fragments int64 // IP fragments; they are counted and not put together again
	Truncated int64 // captured shorter than they were
	Damaged   int64 // errors given
	Evicted   int64 // conversations given up early to bound the memory
}
