package catalog

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/capture"
)

// FromCapture reads the hellos of a packet capture (pcap, pcapng, also as a mirror target receives it). Hellos that make the
// same client, whatever their random values, names and sessions, come once, named after the first address that sent it and their
// JA4. Damage is an error of type *evidence.ParseError, after which reading goes on; a damaged hello is one too. source is where
// the file is from, for Client.Source.
func FromCapture(r io.Reader, source string, o *evidence.Options) iter.Seq2[*Client, error] {
	return func(yield func(*Client, error) bool) {
		seen := map[string]bool{}
		names := map[string]int{}
		for conv, err := range capture.Conversations(r, o) {
			switch {
			case err != nil:
				if !yield(nil, err) {
					return
				}
				continue
			case conv.Hello == nil && conv.HelloErr == nil:
				continue
			}
			c, key, err := fromConversation(conv)
			if err != nil {
				file := ""
				if o != nil {
					file = o.File
				}
				err = &evidence.ParseError{File: file, Line: conv.FirstFrame, Msg: fmt.Sprintf("client %s: %v", conv.Client, err)}
				if !yield(nil, err) {
					return
				}
				continue
			}
			if seen[key] {
				continue
			}
			if len(seen) == maxImported {
				yield(nil, fmt.Errorf("more than %d different clients in one capture", maxImported))
				return
			}
			seen[key] = true
			c.Source = source
			if names[c.Name]++; names[c.Name] > 1 { // GREASE in the list of ALPN, and the like, are not in JA4
				c.Name = fmt.Sprintf("%s #%d", c.Name, names[c.Name])
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// maxImported bounds the clients of one capture: a scanner may send a new hello each time.
const maxImported = 10_000

// fromConversation makes a client of a connection's hello, and a key that is the same for all hellos like it.
func fromConversation(conv *capture.Conversation) (c *Client, key string, err error) {
	if conv.HelloErr != nil {
		return nil, "", conv.HelloErr
	}
	if len(conv.HelloBytes) == 0 {
		return nil, "", errors.New("the hello's bytes are missing")
	}
	if c, err = FromHello("", conv.HelloBytes); err != nil {
		return nil, "", err
	}
	c.Family = "captured"
	text, err := c.AppendText(nil)
	if err != nil {
		return nil, "", err
	}
	c.Name = fmt.Sprintf("%s %s", conv.Client.Addr(), conv.Hello.JA4())
	return c, string(text), nil
}
