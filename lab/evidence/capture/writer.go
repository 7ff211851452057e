package capture

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"
)

// WriterOptions for [NewWriter]. Nil means the zero value.
type WriterOptions struct {
	SnapLen int // bytes kept of each frame, Ethernet header included; 0: 262144, as tcpdump
}

// Writer writes a pcap file: Ethernet link type, nanosecond timestamps. It is safe for concurrent use; packets stand in the
// file in the order of the calls. A nil *Writer is valid and does nothing. The first error stays and is given again by all
// later calls.
type Writer struct {
	mu      sync.Mutex
	w       *bufio.Writer
	snap    int
	scratch []byte
	n       int
	err     error
}

const writerBuffer = 64 << 10

// NewWriter writes the file header to w and returns the writer. Call Flush at the end; w is not closed.
func NewWriter(w io.Writer, o *WriterOptions) (*Writer, error) {
	snap := defaultSnapLen
	if o != nil && o.SnapLen > 0 {
		snap = max(o.SnapLen, ethernetLen)
	}
	c := &Writer{w: bufio.NewWriterSize(w, writerBuffer), snap: snap, scratch: make([]byte, 0, 64)}
	// draft-ietf-opsawg-pcap, section 4: magic of nanosecond files, version 2.4, two reserved words, snap length, link type.
	h := binary.LittleEndian.AppendUint32(nil, magicNano)
	h = binary.LittleEndian.AppendUint16(h, 2)
	h = binary.LittleEndian.AppendUint16(h, 4)
	h = append(h, make([]byte, 8)...)
	h = binary.LittleEndian.AppendUint32(h, uint32(snap))
	h = binary.LittleEndian.AppendUint32(h, linkEthernet)
	if _, err := c.w.Write(h); err != nil {
		return nil, fmt.Errorf("writing capture: %w", err)
	}
	return c, nil
}

// WriteIP writes one IP packet with an Ethernet header between the two addresses. It keeps nothing of ip.
func (c *Writer) WriteIP(t time.Time, src, dst MAC, ip []byte) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	full := ethernetLen + len(ip)
	kept := min(full, c.snap)
	b := binary.LittleEndian.AppendUint32(c.scratch[:0], uint32(t.Unix()))
	b = binary.LittleEndian.AppendUint32(b, uint32(t.Nanosecond()))
	b = binary.LittleEndian.AppendUint32(b, uint32(kept))
	b = binary.LittleEndian.AppendUint32(b, uint32(full))
	b = appendEthernet(b, src, dst, ip)
	c.write(b)
	c.write(ip[:kept-ethernetLen])
	if c.err == nil {
		c.n++
	}
	return c.err
}

// write writes b unless there was an error.
func (c *Writer) write(b []byte) {
	if c.err != nil {
		return
	}
	if _, err := c.w.Write(b); err != nil {
		c.err = fmt.Errorf("writing capture: %w", err)
	}
}

// Flush writes out what is buffered.
func (c *Writer) Flush() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		if err := c.w.Flush(); err != nil {
			c.err = fmt.Errorf("writing capture: %w", err)
		}
	}
	return c.err
}

// Count returns the number of packets written.
func (c *Writer) Count() int {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}
