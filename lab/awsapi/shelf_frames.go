package awsapi

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// frames are the packets of the lab's mirror capture that no object holds yet, by their places. A pcapng block is a type, a length, a
// body and the length again; packets are enhanced packet blocks with one interface in nanoseconds
// (draft-ietf-opsawg-pcapng, sections 3.1 and 4.3), which is how the lab's writer makes them.
type frames struct {
	waiting []frame
	files   map[int64]int // by minute: objects that it has already
}

type frame struct {
	at    time.Time
	place place // of the packet's bytes
	from  netip.Addr
}

const (
	packetBlock = 6
	blockHead   = 28 // type, length, interface, time, both lengths
	outerSource = 14 + 12
	outerHead   = 14 + 20 + 8 + 8 // Ethernet, IPv4, UDP, VXLAN
)

// wholeBlocks is the length of the whole blocks at the beginning of b.
func wholeBlocks(b []byte) (n int) {
	for len(b)-n >= 12 {
		size := int(binary.LittleEndian.Uint32(b[n+4:]))
		if size < 12 || size > len(b)-n {
			break
		}
		n += size
	}
	return n
}

// take notes the packets of whole blocks.
func (f *frames) take(b []byte, base int64, _ time.Time) error {
	le := binary.LittleEndian
	for len(b) > 0 {
		size := int(le.Uint32(b[4:]))
		if le.Uint32(b) == packetBlock && size >= blockHead+outerHead {
			kept := int(le.Uint32(b[20:]))
			if kept < outerHead || blockHead+kept+4 > size {
				return fmt.Errorf("packet of %d bytes in a block of %d", kept, size)
			}
			ns := int64(le.Uint32(b[12:]))<<32 | int64(le.Uint32(b[16:]))
			from, _ := netip.AddrFromSlice(b[blockHead+outerSource : blockHead+outerSource+4])
			f.waiting = append(f.waiting, frame{at: time.Unix(0, ns).UTC(), place: place{base + blockHead, int32(kept)}, from: from})
		}
		b, base = b[size:], base+int64(size)
	}
	return nil
}

// rotation is how often the mirror's instance begins a new capture file.
const rotation = time.Minute

// publishFrames makes capture files of the packets that mirror sessions carried, a minute each.
func (h *shelf) publishFrames(now time.Time) {
	if len(h.frames.waiting) == 0 {
		return
	}
	type part struct {
		minute int64
		list   []frame
	}
	var parts []part
	rest := h.frames.waiting[:0:0]
	for _, f := range h.frames.waiting {
		end := windowEnd(f.at, rotation)
		if !h.s.delivery.AtOnce && end.Add(h.s.delivery.Capture).After(now) {
			rest = append(rest, f)
			continue
		}
		if n := len(parts); n == 0 || parts[n-1].minute != end.Unix() {
			parts = append(parts, part{minute: end.Unix()})
		}
		parts[len(parts)-1].list = append(parts[len(parts)-1].list, f)
	}
	h.frames.waiting = rest
	for _, p := range parts {
		due := time.Unix(p.minute, 0).UTC().Add(h.s.delivery.Capture)
		if h.s.delivery.AtOnce {
			due = now
		}
		if err := h.publishCapture(p.minute, p.list, due); err != nil {
			h.s.logger.Error("writing a capture", "error", err)
		}
	}
}

func (h *shelf) publishCapture(minute int64, list []frame, due time.Time) error {
	r, closer, err := h.reader(evidence.KindMirror)
	if err != nil {
		return err
	}
	defer closer.Close()
	var buf bytes.Buffer
	buf.Write(pcapHeader())
	n := 0
	for _, f := range list {
		session, ok := h.s.mirrors.carries(f.from, f.at)
		if !ok {
			continue
		}
		b := make([]byte, f.place.len)
		if _, err := r.ReadAt(b, f.place.at); err != nil && err != io.EOF {
			return err
		}
		appendPacket(&buf, f.at, session.shape(b))
		n++
	}
	if n == 0 {
		return nil
	}
	if h.frames.files == nil {
		h.frames.files = map[int64]int{}
	}
	name := time.Unix(minute, 0).UTC().Add(-rotation).Format("20060102T150405Z")
	if again := h.frames.files[minute]; again > 0 {
		name += fmt.Sprintf("-%d", again)
	}
	h.frames.files[minute]++
	h.put(&object{bucket: h.s.names.mirrorBucket, key: mirrorPrefix + "/" + h.s.id.RunID + "/" + name + ".pcap", kind: evidence.KindMirror,
		modified: due, content: buf.Bytes(), contentType: "application/vnd.tcpdump.pcap"})
	return nil
}

// pcapHeader begins a capture file as tcpdump --nano writes it (draft-ietf-opsawg-pcap, section 4): Ethernet, nanoseconds.
func pcapHeader() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b23c4d)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(b, 262144)
	return le.AppendUint32(b, 1)
}

func appendPacket(buf *bytes.Buffer, t time.Time, b []byte) {
	le := binary.LittleEndian
	h := le.AppendUint32(nil, uint32(t.Unix()))
	h = le.AppendUint32(h, uint32(t.Nanosecond()))
	h = le.AppendUint32(h, uint32(len(b)))
	buf.Write(le.AppendUint32(h, uint32(len(b))))
	buf.Write(b)
}
