package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"github.com/alblab/alblab/lab/evidence"
)

// maxFrame is the longest frame that is read, tcpdump's and Wireshark's limit.
const maxFrame = 262144

// reach is how far behind damage the next frame is searched. A frame with its headers fits.
const reach = 512 << 10

// frames cuts a capture file into frames. After next the fields tell of the frame; data borrows the buffer until the next call.
type frames struct {
	b       *window
	file    string
	number  int
	offset  int64 // of what is being looked at, in the file as unpacked
	time    int64 // Unix nanoseconds
	link    int
	data    []byte
	full    int // length of the frame on the wire
	order   binary.ByteOrder
	swap    bool // order is big-endian
	started bool
	done    bool
	ng      bool
	used    int    // bytes of the buffer that the last frame took and that are to be dropped
	unit    uint32 // a second, in units of the times' fractions
	nano    int64  // such a unit in nanoseconds
	pcapSec uint32 // of the last frame, to judge headers by
	ifaces  []iface
}

func newFrames(r io.Reader, o *evidence.Options) *frames {
	f := &frames{b: newWindow(evidence.Decompress(r))}
	if o != nil {
		f.file = o.File
	}
	return f
}

func (f *frames) damaged(msg string) error {
	return &evidence.ParseError{File: f.file, Line: f.number, Msg: fmt.Sprintf("%s, at byte %d", msg, f.offset)}
}

// discard drops bytes that were peeked.
func (f *frames) discard(n int) {
	_, _ = f.b.Discard(n)
	f.offset += int64(n)
}

// u32 reads a number in the file's byte order.
func (f *frames) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if f.swap {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// next goes to the next frame. The error is io.EOF, a *evidence.ParseError, or the reader's own.
func (f *frames) next() error {
	if f.done {
		return io.EOF
	}
	if f.used > 0 {
		f.discard(f.used)
		f.used = 0
	}
	if !f.started {
		f.started = true
		if err := f.start(); err != nil {
			return err
		}
	}
	if f.ng {
		return f.nextBlock()
	}
	if f.whole() {
		return nil
	}
	return f.nextRecord()
}

// end stops the reading with an error about what ended it.
func (f *frames) end(err error, within string, missing int) error {
	f.done = true
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return f.damaged(fmt.Sprintf("the file ends %d bytes before the end of %s", missing, within))
	case strings.HasPrefix(err.Error(), "damaged gzip"):
		return f.damaged(err.Error() + ", within " + within)
	}
	return fmt.Errorf("reading capture: %w", err)
}

// peek returns n bytes without taking them. At the very end of the file it returns io.EOF; an end within them ends the
// reading with an error about what they are.
func (f *frames) peek(n int, what string) ([]byte, error) {
	b, err := f.b.Peek(n)
	if len(b) == n {
		return b, nil
	}
	if len(b) == 0 && err == io.EOF {
		f.done = true
		return nil, io.EOF
	}
	f.number++ // the frame that would follow
	return nil, f.end(err, what, n-len(b))
}

// start reads the file header.
func (f *frames) start() error {
	f.number = 0
	b, err := f.peek(4, "the file's header")
	if err != nil {
		return err
	}
	switch binary.LittleEndian.Uint32(b) {
	case magicMicro, magicNano:
		f.order = binary.LittleEndian
	case blockSection: // reads the same both ways
		f.ng = true
		return nil
	default:
		f.order, f.swap = binary.BigEndian, true
	}
	magic := f.order.Uint32(b)
	if magic != magicMicro && magic != magicNano {
		f.done = true
		return &evidence.ParseError{File: f.file, Line: 1, Msg: fmt.Sprintf("neither pcap nor pcapng: begins with % x", b)}
	}
	if f.unit, f.nano = 1e6, 1000; magic == magicNano {
		f.unit, f.nano = 1e9, 1
	}
	if b, err = f.peek(24, "the file's header"); err != nil {
		return err
	}
	f.link = int(f.order.Uint32(b[20:]) & 0xffff) // the upper half may hold the length of a frame check sequence
	f.discard(24)
	return nil
}

// plausible reports whether h may be the header of a pcap record, strictly if the reader searches for one.
func (f *frames) plausible(h []byte, strict bool) bool {
	sec, frac, kept, full := f.u32(h), f.u32(h[4:]), f.u32(h[8:]), f.u32(h[12:])
	if kept > maxFrame || frac >= f.unit {
		return false
	}
	const day = 86400
	return !strict || kept > 0 && kept <= full && full <= maxFrame && (f.pcapSec == 0 || sec-f.pcapSec+day <= 2*day)
}

// whole reads a record of a pcap file that lies in the window as a whole, as nearly all do. Of any other, or a damaged one, it says
// no, and leaves it to nextRecord.
func (f *frames) whole() bool {
	b := f.b.Buffered()
	if len(b) < 16 {
		return false
	}
	sec, frac, kept, full := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	if f.swap {
		sec, frac, kept, full = bits.ReverseBytes32(sec), bits.ReverseBytes32(frac), bits.ReverseBytes32(kept), bits.ReverseBytes32(full)
	}
	if frac >= f.unit || kept > maxFrame || int(kept) > len(b)-16 {
		return false
	}
	f.number++
	f.used = 16 + int(kept)
	f.data, f.full = b[16:f.used], int(full)
	f.pcapSec = sec
	f.time = int64(sec)*1e9 + int64(frac)*f.nano
	return true
}

// nextRecord reads a record of a pcap file.
func (f *frames) nextRecord() error {
	h, err := f.peek(16, "a packet's header")
	if err != nil {
		return err
	}
	f.number++
	if !f.plausible(h, false) {
		return f.resync(h)
	}
	sec, frac := f.u32(h), f.u32(h[4:])
	n := int(f.u32(h[8:]))
	f.full = int(f.u32(h[12:]))
	f.number--
	b, err := f.peek(16+n, "a packet")
	if err != nil {
		return err
	}
	f.number++
	f.used = 16 + n
	f.data = b[16:]
	f.pcapSec = sec
	f.time = int64(sec)*1e9 + int64(frac)*f.nano
	return nil
}

// resync searches the next two record headers in a row behind damage, and goes on there.
func (f *frames) resync(h []byte) error {
	msg := fmt.Sprintf("damaged: no packet has the header % x", h)
	b, _ := f.b.Peek(reach)
	for i := 1; i+16 <= len(b); i++ {
		if !f.plausible(b[i:], true) {
			continue
		}
		next := i + 16 + int(f.u32(b[i+8:]))
		if next == len(b) && len(b) < reach || next+16 <= len(b) && f.plausible(b[next:], true) {
			f.used = i
			return f.damaged(msg + fmt.Sprintf("; going on %d bytes later", i))
		}
	}
	f.done = true
	return f.damaged(msg + "; the rest of the file is left out")
}
