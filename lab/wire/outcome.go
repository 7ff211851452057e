package wire

// Stage says how far an attempt to connect came.
type Stage string

// The stages, in the order in which an attempt passes them.
const (
	StageDial      Stage = "dial"      // no TCP connection: refused, filtered or timed out
	StageSilent    Stage = "silent"    // TCP connected; no byte of a hello was answered within the time allowed
	StageHello     Stage = "hello"     // refused after the ClientHello, before a ServerHello
	StageHandshake Stage = "handshake" // refused after the ServerHello, before the handshake was complete on this side
	StageRequest   Stage = "request"   // handshake complete on this side, no response to a request
	StageResponse  Stage = "response"  // a response came
)

// Ending says how the transport ended.
type Ending string

// The endings that a client can tell apart.
const (
	EndingNone    Ending = ""        // still open, or closed by this side
	EndingReset   Ending = "reset"   // RST
	EndingFIN     Ending = "fin"     // end of stream without close_notify or fatal alert
	EndingAlert   Ending = "alert"   // a TLS alert, then the end
	EndingTimeout Ending = "timeout" // silence until the deadline
)

// Outcome is what happened to an attempt, seen from one side.
type Outcome struct {
	Stage   Stage   `json:"stage"`
	Version Version `json:"version"`           // negotiated, 0 if none
	Suite   Suite   `json:"cipher"`            // negotiated, 0 if none
	Group   Group   `json:"group"`             // negotiated, 0 if none
	ALPN    string  `json:"alpn,omitempty"`    // negotiated
	Ending  Ending  `json:"ending,omitempty"`  // how the transport ended
	Alert   *Alert  `json:"alert,omitempty"`   // the alert that was seen, if any
	ByPeer  bool    `json:"by_peer,omitempty"` // the peer ended it
	Detail  string  `json:"detail,omitempty"`  // the library's own words
}
