package clients

import "errors"

var errAnswered = errors.New("answered")

// raw sends bytes and reads until the answer is clear: the end of the connection, or a whole first flight. It then
// closes.
func (s *session) raw(b []byte) {
	if _, err := s.conn.Write(b); err != nil {
		s.fail(err)
		return
	}
	s.fail(s.answer())
}

func (s *session) silent() { s.fail(s.answer()) }

// answer reads until the peer ends the connection, a TLS server has said all that it can without the client's keys, or
// something else than TLS has said enough to be recognised.
func (s *session) answer() error {
	f := &s.conn.flight
	buf := make([]byte, 2048)
	for {
		_, err := s.conn.Read(buf)
		switch {
		case err != nil:
			return err
		case f.helloDone, f.hello != nil && f.over, f.retry != nil && f.hello == nil:
			return errAnswered
		}
	}
}
