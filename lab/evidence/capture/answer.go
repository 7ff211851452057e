package capture

import "github.com/alblab/alblab/lab/wire"

// Answer is what the server said to a ClientHello, as far as a capture shows it.
type Answer uint8

// The answers.
const (
	AnswerNone        Answer = iota // there was no hello to answer, or only a part of one
	AnswerServerHello               // the handshake went on, see ServerHello
	AnswerHelloRetry                // a HelloRetryRequest, and then no ServerHello
	AnswerAlert                     // a fatal alert in clear
	AnswerRST                       // a TCP reset
	AnswerFIN                       // the server closed the connection
	AnswerSilence                   // acknowledgements at most, until the client gave up or the capture ended
	AnswerNotTLS                    // bytes that are not TLS
	AnswerUnseen                    // packets of the server are missing in the capture: nobody can say
)

// String returns "none", "server-hello", "hello-retry", "alert", "rst", "fin", "silence", "not-tls" or "unseen".
func (a Answer) String() string {
	return [...]string{"none", "server-hello", "hello-retry", "alert", "rst", "fin", "silence", "not-tls", "unseen"}[min(a, AnswerUnseen)]
}

// Answer returns the server's answer to the hello, or to the client's damaged hello: the first of ServerHello, alert, retry, RST and
// FIN that is there, in this order.
func (c *Conversation) Answer() Answer {
	s := &c.FromServer
	switch {
	case c.Hello == nil && c.HelloErr == nil:
		return AnswerNone
	case c.ServerHello != nil:
		return AnswerServerHello
	case s.Alert != nil && s.Alert.Level == wire.AlertFatal:
		return AnswerAlert
	case s.Lost:
		return AnswerUnseen
	case c.HelloRetry != nil:
		return AnswerHelloRetry
	case s.Data > 0 && s.Alert == nil && len(c.Preface) == 0:
		return AnswerNotTLS
	case s.RSTFrame != 0:
		return AnswerRST
	case s.FINFrame != 0:
		return AnswerFIN
	case s.Packets == 0:
		return AnswerUnseen
	}
	return AnswerSilence
}
