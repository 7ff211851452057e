package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// isCloudWatch says whether a file that begins with head is what aws logs filter-log-events or get-log-events prints, or
// only its list of events (as --query events gives it).
// Source: docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
func isCloudWatch(head []byte) bool {
	b := bytes.TrimLeft(head, " \t\r\n")
	if len(b) == 0 {
		return false
	}
	open := b[0]
	b = bytes.TrimLeft(b[1:], " \t\r\n")
	switch open {
	case '{':
		for _, key := range []string{"events", "searchedLogStreams", "nextToken", "nextForwardToken", "nextBackwardToken"} {
			if bytes.HasPrefix(b, []byte(`"`+key+`"`)) {
				return true
			}
		}
	case '[':
		return bytes.HasPrefix(b, []byte("{")) && bytes.Contains(b, []byte(`"message"`)) &&
			(bytes.Contains(b, []byte(`"ingestionTime"`)) || bytes.Contains(b, []byte(`"logStreamName"`)))
	}
	return false
}

// cloudWatch reads the messages of such files as lines, one event at a time. Several documents in a row (pages) are one input.
type cloudWatch struct {
	budget *budget
	dec    *json.Decoder
	max    int
	event  struct {
		Message *string `json:"message"`
	}
	out    []byte // the message that is being read, with its line end
	off    int
	events bool // inside the list of events
	object bool // inside a document that is an object
	err    error
}

func newCloudWatch(r io.Reader, maxLine int) *cloudWatch {
	// Twice: a message is longer in JSON than plain. The rest is for the decoder's own reading ahead and the other members.
	b := &budget{r: r, most: 2*maxLine + 1<<20}
	b.reset()
	return &cloudWatch{budget: b, dec: json.NewDecoder(b), max: maxLine}
}

func (c *cloudWatch) Read(p []byte) (int, error) {
	for c.off == len(c.out) {
		if c.err != nil {
			return 0, c.err
		}
		c.out, c.off = c.out[:0], 0
		if err := c.next(); err != nil {
			var d *damageError
			if errors.As(err, &d) && d.goOn {
				return 0, err
			}
			c.err = c.blame(err)
		}
	}
	n := copy(p, c.out[c.off:])
	c.off += n
	return n, nil
}

// next takes one step: into or out of the list of events, or one event.
func (c *cloudWatch) next() error {
	c.budget.reset()
	if !c.events {
		return c.enter()
	}
	if !c.dec.More() {
		c.events = false
		_, err := c.dec.Token() // ]
		return noEOF(err)
	}
	c.event.Message = nil
	err := c.dec.Decode(&c.event)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong), err == nil && c.event.Message == nil:
		return &damageError{msg: "an event of CloudWatch Logs JSON without a message", goOn: true}
	case err != nil:
		return noEOF(err)
	}
	// A line end inside a message would make two lines of it; white space it stays.
	msg := strings.TrimRight(*c.event.Message, "\r\n")
	for i := range len(msg) {
		if ch := msg[i]; ch == '\n' {
			c.out = append(c.out, ' ')
		} else {
			c.out = append(c.out, ch)
		}
	}
	c.out = append(c.out, '\n')
	return nil
}

// enter goes on to the next list of events, passing over all else.
func (c *cloudWatch) enter() error {
	t, err := c.dec.Token()
	if err != nil && c.object {
		return noEOF(err)
	}
	if err != nil {
		return err // io.EOF between documents is the end
	}
	switch t {
	case json.Delim('['):
		c.events = true
		return nil
	case json.Delim('{'), json.Delim('}'):
		c.object = t == json.Delim('{')
		return nil
	}
	key, ok := t.(string)
	if !ok {
		return fmt.Errorf("unexpected %v", t)
	}
	if key == "events" {
		if t, err = c.dec.Token(); err != nil {
			return noEOF(err)
		}
		if t != json.Delim('[') {
			return errors.New("events is not a list")
		}
		c.events = true
		return nil
	}
	var skipped json.RawMessage
	return noEOF(c.dec.Decode(&skipped))
}

func (c *cloudWatch) blame(err error) error {
	if err == io.EOF {
		return io.EOF
	}
	if c.budget.err != nil {
		return c.budget.err
	}
	return &damageError{msg: fmt.Sprintf("damaged CloudWatch Logs JSON at byte %d: %v", c.dec.InputOffset(), err)}
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// budget is a reader that refuses to give more than a number of bytes between two calls of reset, so that one endless JSON
// value does not fill the memory.
type budget struct {
	r          io.Reader
	most, left int
	err        error // what r said, or that the budget is used up
}

func (b *budget) reset() { b.left = b.most }

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.err = &damageError{msg: fmt.Sprintf("damaged CloudWatch Logs JSON: one event is longer than %d bytes", b.most)}
		return 0, b.err
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}
