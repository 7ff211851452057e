package redact

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/capture"
)

// capture redacts a packet capture in two readings: the first puts streams together and says which of their bytes may be
// shown, and how; the second writes the file anew with all other bytes zero. Packets keep their number, time and length.
func (m *Mapper) capture(j *job) error {
	in, err := j.open()
	if err != nil {
		return err
	}
	s := newStreams(m)
	for p, err := range capture.Packets(in, j.options) {
		if err != nil {
			if evidence.IsDamage(err) {
				continue // the second reading meets it as well
			}
			in.Close()
			return err
		}
		if err := s.packet(p); err != nil {
			in.Close()
			return err
		}
	}
	in.Close()
	s.finish()
	if in, err = j.open(); err != nil {
		return err
	}
	defer in.Close()
	w := &captureWriter{j: j, frames: &frames{m: m, streams: s}}
	return w.copy(bufio.NewReaderSize(evidence.Decompress(in), 1<<20))
}

// captureWriter writes a capture anew.
type captureWriter struct {
	j      *job
	frames *frames
	links  []uint32 // of the interfaces of a pcapng section
}

// maxBlock is the longest packet or block that is taken; a longer one is damage.
const maxBlock = 16 << 20

// copy reads and writes the whole file. From a damaged place on nothing is written.
func (w *captureWriter) copy(r *bufio.Reader) error {
	magic, err := r.Peek(4)
	if err != nil {
		return w.ended(err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.Equal(magic, []byte{0x0a, 0x0d, 0x0d, 0x0a}):
		return w.pcapng(r)
	case binary.BigEndian.Uint32(magic) == 0xa1b2c3d4 || binary.BigEndian.Uint32(magic) == 0xa1b23c4d:
		order = binary.BigEndian
	case binary.LittleEndian.Uint32(magic) != 0xa1b2c3d4 && binary.LittleEndian.Uint32(magic) != 0xa1b23c4d:
		return fmt.Errorf("neither pcap nor pcapng")
	}
	return w.pcap(r, order)
}

// pcap: draft-ietf-opsawg-pcap, section 4 and 5.
func (w *captureWriter) pcap(r io.Reader, order binary.ByteOrder) error {
	head := make([]byte, 24)
	if _, err := io.ReadFull(r, head); err != nil {
		return w.ended(err)
	}
	link := order.Uint32(head[20:]) & 0x0fffffff
	if _, err := w.j.out.WriteHeader(head); err != nil {
		return err
	}
	var buf []byte
	for {
		buf = grow(buf, 16)
		if _, err := io.ReadFull(r, buf); err != nil {
			return w.ended(err)
		}
		n := order.Uint32(buf[8:])
		if n > maxBlock {
			return w.ended(io.ErrUnexpectedEOF)
		}
		buf = grow(buf, 16+int(n))
		if _, err := io.ReadFull(r, buf[16:]); err != nil {
			return w.ended(err)
		}
		w.frames.frame(link, buf[16:])
		if err := w.write(buf); err != nil {
			return err
		}
	}
}

func grow(b []byte, n int) []byte {
	if cap(b) < n {
		b = append(make([]byte, 0, 2*n), b...)
	}
	return b[:n]
}

func (w *captureWriter) write(record []byte) error {
	w.j.stats.Records++
	_, err := w.j.out.Write(record)
	return err
}

// ended tells the end of the file from damage.
func (w *captureWriter) ended(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		w.j.stats.Damaged++
		return nil
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	if evidence.IsDamage(err) {
		w.j.stats.Damaged++
		return nil
	}
	return err
}

// pcapng: draft-ietf-opsawg-pcapng. Blocks that hold no packets are left out but for sections and interfaces, and so are all
// options but those that times need: names, comments, keys and host names stand in the others.
func (w *captureWriter) pcapng(r io.Reader) error {
	var order binary.ByteOrder = binary.LittleEndian
	var buf []byte
	for {
		buf = grow(buf, 12)
		if _, err := io.ReadFull(r, buf); err != nil {
			return w.ended(err)
		}
		if binary.BigEndian.Uint32(buf) == 0x0a0d0d0a {
			order = binary.LittleEndian
			if binary.BigEndian.Uint32(buf[8:]) == 0x1a2b3c4d {
				order = binary.BigEndian
			}
			w.links = nil
		}
		n := order.Uint32(buf[4:])
		if n < 12 || n > maxBlock || n%4 != 0 {
			return w.ended(io.ErrUnexpectedEOF)
		}
		buf = grow(buf, int(n))
		if _, err := io.ReadFull(r, buf[12:]); err != nil {
			return w.ended(err)
		}
		if err := w.block(buf, order); err != nil {
			return err
		}
	}
}

// block writes one block, if it is of a kind that is kept.
func (w *captureWriter) block(b []byte, order binary.ByteOrder) error {
	body := b[8 : len(b)-4]
	if typ := order.Uint32(b); (typ == 6 || typ == 2) && len(body) < 20 {
		w.j.stats.Damaged++
		return nil
	}
	fixed, packet := 0, -1
	switch typ := order.Uint32(b); typ {
	case 0x0a0d0d0a:
		fixed = 16
	case 1: // interface
		if len(body) < 8 {
			return nil
		}
		w.links = append(w.links, uint32(order.Uint16(body)))
		options := keepOptions(body[8:], order)
		_, err := w.j.out.WriteHeader(assemble(typ, body[:8], options, order))
		return err
	case 6, 2: // packets
		fixed, packet = 20, int(order.Uint32(body[12:]))
	case 3:
		fixed, packet = 4, len(body)-4
	default:
		return nil
	}
	if len(body) < fixed {
		return nil
	}
	if packet < 0 {
		_, err := w.j.out.WriteHeader(assemble(order.Uint32(b), body[:fixed], nil, order))
		return err
	}
	if packet > len(body)-fixed {
		w.j.stats.Damaged++
		return nil
	}
	id := 0
	switch order.Uint32(b) {
	case 6:
		id = int(order.Uint32(body))
	case 2:
		id = int(order.Uint16(body))
	}
	link := uint32(0xffff)
	if id < len(w.links) {
		link = w.links[id]
	}
	end := fixed + (packet+3)/4*4
	w.frames.frame(link, body[fixed:fixed+packet])
	clear(body[fixed+packet : min(end, len(body))])
	return w.write(assemble(order.Uint32(b), body[:min(end, len(body))], nil, order))
}

// keepOptions keeps if_tsresol and if_tsoffset, which times need, and if_fcslen.
func keepOptions(b []byte, order binary.ByteOrder) []byte {
	var out []byte
	for len(b) >= 4 {
		code, n := order.Uint16(b), int(order.Uint16(b[2:]))
		end := 4 + (n+3)/4*4
		if code == 0 || end > len(b) {
			break
		}
		if code == 9 || code == 13 || code == 14 {
			out = append(out, b[:end]...)
		}
		b = b[end:]
	}
	if len(out) > 0 {
		out = append(out, 0, 0, 0, 0)
	}
	return out
}

func assemble(typ uint32, fixed, options []byte, order binary.ByteOrder) []byte {
	n := uint32(12 + len(fixed) + len(options))
	out := make([]byte, 8, n)
	order.PutUint32(out, typ)
	order.PutUint32(out[4:], n)
	out = append(append(out, fixed...), options...)
	tail := make([]byte, 4)
	order.PutUint32(tail, n)
	out = append(out, tail...)
	if typ == 0x0a0d0d0a { // the section's length in bytes is not what it was: "not specified"
		for i := 16; i < 24 && i < len(out)-4; i++ {
			out[i] = 0xff
		}
	}
	return out
}
