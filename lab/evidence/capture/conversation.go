package capture

import (
	"net/netip"
	"time"

	"github.com/alblab/alblab/lab/wire"
)

// Conversation is what a capture shows of one TCP connection.
type Conversation struct {
	// Client is who sent the SYN, else who received the SYN-ACK, else who sent a ClientHello, else who has the higher port.
	Client, Server netip.AddrPort
	VNI            int // VXLAN network identifier of mirrored packets, else -1
	Start, End     time.Time
	FirstFrame     int // number of the first frame
	EndFrame       int // of the frame that ended it: the first RST or the second FIN; else of the last frame
	Handshake      Handshake
	FromClient     Direction
	FromServer     Direction

	Hello         *wire.ClientHello // nil if none was complete and well-formed
	HelloErr      error             // a *wire.ParseError if the client's first bytes are TLS, but no well-formed hello
	HelloBytes    []byte            // the records of the hello, or what came of them
	HelloFrame    int               // number of the frame that completed the hello, where Wireshark shows it
	HelloSegments int               // segments that carried it, retransmissions not counted
	SecondHello   *wire.ClientHello // after a HelloRetryRequest
	Preface       []byte            // what the client sent before its hello (64 bytes at most): the PROXY protocol's header, SOCKS, CONNECT, STARTTLS
	NotTLS        []byte            // the client's first bytes (64 at most) if they are not TLS: "GET / HTTP/1.1"

	HelloRetry         *wire.ServerHello // a HelloRetryRequest
	ServerHello        *wire.ServerHello // nil if none came
	ServerHelloFrame   int
	Group              wire.Group        // of the key exchange, 0 if it cannot be seen
	CertificateRequest bool              // seen in clear, which is before TLS 1.3
	ClientCertificate  ClientCertificate // seen in clear, which is before TLS 1.3

	Ending     Ending
	EndedBy    Side      // who sent the first FIN or RST
	Ended      time.Time // when; zero if neither was seen
	Incomplete bool      // bytes of either direction are missing before its end, or packets before the first
	Evicted    bool      // given up early to bound the memory; the rest, if any, is another conversation
}

// Direction is what one side sent.
type Direction struct {
	Packets       int64
	Bytes         int64     // IP total lengths, as VPC flow logs count
	Flags         TCPFlags  // as a VPC flow log's tcp-flags shows them, see [TCPFlags.FlowLog]
	MSS           uint16    // of its SYN, 0 if there was no such option
	Data          int64     // bytes of payload in order, each counted once
	Segments      int64     // that brought new payload in order
	Retransmitted int64     // segments that brought nothing new
	Fragments     int64     // IP fragments; only the first of a packet is counted
	DataEnd       time.Time // of the last of those, zero if there was none
	Lost          bool      // bytes are missing, or were captured only in part; TLS is not followed behind them

	Alert            *wire.Alert // in clear: the first fatal one, else the first
	AlertFrame       int
	EncryptedAlerts  int  // in TLS 1.3 they look like application data and are told by their length
	ChangeCipherSpec bool // was sent
	AppData          int  // records of application data; in TLS 1.3 they hold the encrypted handshake too
	LateHandshakes   int  // records of the type handshake behind a handshake that was complete: below TLS 1.3 another one was asked for
	FINFrame         int  // number of the first frame with FIN, 0 if none
	RSTFrame         int
}

// Handshake says how far TCP's came.
type Handshake uint8

// The stages.
const (
	HandshakeUnseen   Handshake = iota // the capture begins later
	HandshakeSYN                       // nothing but SYNs from the client, and perhaps a RST against them
	HandshakeSYNACK                    // the server answered, the client never acknowledged: a half-open scan
	HandshakeComplete                  // the connection was made
)

// String returns "unseen", "syn", "syn-ack" or "complete".
func (h Handshake) String() string {
	return [...]string{"unseen", "syn", "syn-ack", "complete"}[min(h, HandshakeComplete)]
}

// ClientCertificate says what the client's Certificate message held.
type ClientCertificate uint8

// The possibilities.
const (
	CertificateUnseen ClientCertificate = iota // no message, or an encrypted one
	CertificateEmpty                           // the client had none
	CertificateSent
)

// String returns "unseen", "empty" or "sent".
func (c ClientCertificate) String() string {
	return [...]string{"unseen", "empty", "sent"}[min(c, CertificateSent)]
}

// Ending is the first thing that ended a connection; the frame numbers of [Direction] tell the rest.
type Ending uint8

// The endings.
const (
	EndingOpen Ending = iota // neither FIN nor RST was seen
	EndingFIN
	EndingRST
)

// String returns "open", "fin" or "rst".
func (e Ending) String() string { return [...]string{"open", "fin", "rst"}[min(e, EndingRST)] }

// Side is one of the two.
type Side uint8

// The sides.
const (
	SideNone Side = iota
	SideClient
	SideServer
)

// String returns "", "client" or "server".
func (s Side) String() string { return [...]string{"", "client", "server"}[min(s, SideServer)] }

// Unanswered reports whether the SYN had no answer at all: filtered, or the server is not there.
func (c *Conversation) Unanswered() bool {
	return c.Handshake == HandshakeSYN && c.FromServer.Packets == 0
}

// Refused reports whether the server answered the SYN with a RST: nobody listens.
func (c *Conversation) Refused() bool {
	return c.Handshake == HandshakeSYN && c.FromServer.RSTFrame != 0
}

// HalfOpen reports whether the server accepted and the client never completed the handshake, as a SYN scan does.
func (c *Conversation) HalfOpen() bool { return c.Handshake == HandshakeSYNACK }

// Silent reports whether the connection was made and the client sent not a byte.
func (c *Conversation) Silent() bool {
	return c.Handshake == HandshakeComplete && c.FromClient.Data == 0 && !c.FromClient.Lost
}

// Version returns the negotiated version, 0 if no ServerHello was seen.
func (c *Conversation) Version() wire.Version {
	if c.ServerHello == nil {
		return 0
	}
	return c.ServerHello.Version
}

// Suite returns the negotiated suite, 0 if no ServerHello was seen.
func (c *Conversation) Suite() wire.Suite {
	if c.ServerHello == nil {
		return 0
	}
	return c.ServerHello.Suite
}

// Alert returns the alert that was seen in clear and who sent it: the server's if both did. nil if none was.
func (c *Conversation) Alert() (*wire.Alert, Side) {
	switch {
	case c.FromServer.Alert != nil:
		return c.FromServer.Alert, SideServer
	case c.FromClient.Alert != nil:
		return c.FromClient.Alert, SideClient
	}
	return nil, SideNone
}
