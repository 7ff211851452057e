package capture

// File formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
const (
	magicMicro     = 0xa1b2c3d4
	magicNano      = 0xa1b23c4d
	byteOrderMagic = 0x1a2b3c4d

	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockOldPacket = 2 // obsolete Packet Block
	blockSimple    = 3
	blockPacket    = 6 // Enhanced Packet Block

	optTSResolution = 9
	optTSOffset     = 14
)

// Link types, www.tcpdump.org/linktypes.html.
const (
	linkNull     = 0
	linkEthernet = 1
	linkRawBSD   = 12
	linkRawOBSD  = 14
	linkRaw      = 101
	linkLoop     = 108
	linkSLL      = 113
	linkIPv4     = 228
	linkIPv6     = 229
	linkSLL2     = 276
)

// IP protocol numbers.
const (
	protoHopByHop = 0
	protoTCP      = 6
	protoUDP      = 17
	protoRouting  = 43
	protoFragment = 44
	protoAH       = 51
	protoDestOpts = 60
)
