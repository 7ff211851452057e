package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// column reads the values of one column, page by page.
type column struct {
	f                  *File
	name               string
	leaf, typ          int
	optional, unsigned bool

	c        *chunk
	at, end  int64 // the pages that are left
	left     int64 // values that are left in the row group
	inPage   int64 // and in the page
	defs     hybrid
	vals     decoder
	dict     dictionary
	raw, buf []byte // a page as it is stored, and unpacked
	unzip    *gzip.Reader
	unzstd   *zstd.Decoder
}

// decoder gives the values of a page one after the other. False: it has no more.
type decoder interface{ next(v *Value) bool }

// begin starts at a row group.
func (c *column) begin(ch *chunk) {
	c.c, c.at, c.end = ch, ch.begins(), ch.begins()+ch.size
	c.left, c.inPage = ch.values, 0
	c.dict.has = false
}

// next reads a value.
func (c *column) next(v *Value) error {
	for c.inPage == 0 {
		if err := c.page(); err != nil {
			return err
		}
	}
	c.inPage--
	c.left--
	*v = Value{}
	if c.optional {
		def, ok := c.defs.next()
		if !ok || def > 1 {
			return damaged("the page says of fewer values than it has whether they are there")
		}
		if def == 0 {
			v.Null = true
			return nil
		}
	}
	if !c.vals.next(v) {
		return damaged("the page has fewer values than its header says, or one that is cut")
	}
	if len(v.Text) > maxText {
		return damaged("a text of %d bytes: more than %d", len(v.Text), maxText)
	}
	return nil
}

// page reads the next page of values.
func (c *column) page() error {
	h, err := c.header()
	if err != nil {
		return err
	}
	switch {
	case h.packed < 0 || h.unpacked < 0 || h.packed > c.end-c.at:
		return damaged("a page of %d bytes, where %d are left", h.packed, c.end-c.at)
	case h.packed > maxPage || h.unpacked > maxPage:
		return damaged("a page of %d bytes, unpacked %d: more than %d", h.packed, h.unpacked, maxPage)
	case h.kind == pageData || h.kind == pageDataV2:
		if h.values < 0 || h.values > c.left {
			return damaged("a page of %d values, where %d are left", h.values, c.left)
		}
	case h.kind == pageIndex:
		c.at += h.packed
		return nil
	case h.kind != pageDictionary:
		return damaged("a page of kind %d, which is not read here", h.kind)
	}
	if err := c.grow(&c.raw, h.packed); err != nil {
		return err
	}
	if err := c.f.readAt(c.raw, c.at); err != nil {
		return err
	}
	c.at += h.packed
	if h.hasCRC && crc32.ChecksumIEEE(c.raw) != h.crc {
		return damaged("a page's checksum is wrong")
	}
	switch h.kind {
	case pageDictionary:
		return c.dictionaryPage(&h)
	case pageDataV2:
		return c.dataPageV2(&h)
	}
	return c.dataPage(&h)
}

// header reads a page's header. It may hold statistics, and be of any length.
func (c *column) header() (pageHeader, error) {
	const most = 1 << 20
	for n := int64(512); ; n *= 8 {
		n = min(n, c.end-c.at)
		if n <= 0 {
			return pageHeader{}, damaged("its pages hold %d values too few", c.left)
		}
		if err := c.grow(&c.raw, n); err != nil {
			return pageHeader{}, err
		}
		if err := c.f.readAt(c.raw, c.at); err != nil {
			return pageHeader{}, err
		}
		h, size, err := readPageHeader(c.raw)
		if err == nil {
			c.at += int64(size)
			return h, nil
		}
		if !errors.Is(err, errShort) || n == c.end-c.at || n > most {
			return h, err
		}
	}
}

// grow makes a buffer of n bytes, and holds against the limit what all columns have.
func (c *column) grow(b *[]byte, n int64) error {
	if n > int64(cap(*b)) {
		if c.f.held += n - int64(cap(*b)); c.f.held > maxHeld {
			return damaged("its pages need more than %d bytes of memory", maxHeld)
		}
		*b = make([]byte, n)
	}
	*b = (*b)[:n]
	return nil
}

// unpack makes dst of src, whose length it says.
func (c *column) unpack(dst *[]byte, src []byte, n int64) error {
	if err := c.grow(dst, n); err != nil {
		return err
	}
	bad := func(err error) error { return damaged("a page cannot be unpacked: %v", err) }
	wrong := damaged("a page is not of the %d bytes that its header says", n)
	switch c.c.codec {
	case codecNone:
		if int64(len(src)) != n {
			return wrong
		}
		copy(*dst, src)
	case codecGzip:
		return c.gunzip(*dst, src, wrong)
	case codecSnappy:
		if size, err := snappy.DecodedLen(src); err != nil || int64(size) != n {
			return wrong
		}
		if _, err := snappy.Decode(*dst, src); err != nil {
			return bad(err)
		}
	case codecZstd:
		if c.unzstd == nil {
			var err error
			c.unzstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPage), zstd.WithDecoderMaxWindow(maxPage/8))
			if err != nil {
				return bad(err)
			}
		}
		out, err := c.unzstd.DecodeAll(src, (*dst)[:0])
		if err != nil {
			return bad(err)
		}
		if int64(len(out)) != n {
			return wrong
		}
		*dst = out
	}
	return nil
}

func (c *column) gunzip(dst, src []byte, wrong error) error {
	in := bytes.NewReader(src)
	var err error
	if c.unzip == nil {
		c.unzip, err = gzip.NewReader(in)
	} else {
		err = c.unzip.Reset(in)
	}
	if err == nil {
		if _, err = io.ReadFull(c.unzip, dst); err == nil {
			var more [1]byte
			if n, end := c.unzip.Read(more[:]); n != 0 || end == nil {
				return wrong
			} else if end != io.EOF {
				err = end
			}
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return wrong
	}
	c.unzip = nil
	return damaged("a page cannot be unpacked: %v", err)
}

// dictionaryPage takes the values that later pages refer to.
func (c *column) dictionaryPage(h *pageHeader) error {
	if h.encoding != plain && h.encoding != plainDictionary {
		return damaged("a dictionary in encoding %d, which is not read here", h.encoding)
	}
	d := &c.dict
	if err := c.unpack(&d.raw, c.raw, h.unpacked); err != nil {
		return err
	}
	d.has, d.column = true, c
	if c.typ != typeByteArray {
		d.n = len(d.raw) / c.width()
	} else {
		d.ends = d.ends[:0]
		for at := 0; at < len(d.raw); {
			if len(d.raw)-at < 4 {
				return damaged("a dictionary ends within a value")
			}
			size := int64(binary.LittleEndian.Uint32(d.raw[at:]))
			if at += 4; size > int64(len(d.raw)-at) {
				return damaged("a dictionary ends within a value")
			}
			at += int(size)
			d.ends = append(d.ends, uint32(at))
		}
		d.n = len(d.ends)
	}
	if h.values < 0 || int64(d.n) < h.values {
		return damaged("a dictionary of %d values has %d", h.values, d.n)
	}
	return nil
}

// width is how many bytes a number has.
func (c *column) width() int {
	if c.typ == typeInt32 {
		return 4
	}
	return 8
}

// dataPage takes a page of version 1: levels and values are packed together.
func (c *column) dataPage(h *pageHeader) error {
	if err := c.unpack(&c.buf, c.raw, h.unpacked); err != nil {
		return err
	}
	b := c.buf
	if c.optional {
		if h.defEncoding != runLength {
			return damaged("levels in encoding %d, which is not read here", h.defEncoding)
		}
		if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-4) {
			return damaged("a page ends within its levels")
		}
		n := int(binary.LittleEndian.Uint32(b))
		c.defs = hybrid{b: b[4 : 4+n], width: 1}
		b = b[4+n:]
	}
	return c.values(h, b)
}

// dataPageV2 takes a page of version 2: levels lie before the values and are not packed.
func (c *column) dataPageV2(h *pageHeader) error {
	levels := h.repSize + h.defSize
	if h.repSize < 0 || h.defSize < 0 || levels < 0 || levels > int64(len(c.raw)) || levels > h.unpacked {
		return damaged("a page ends within its levels")
	}
	c.defs = hybrid{b: c.raw[h.repSize:levels], width: 1}
	b := c.raw[levels:]
	if !h.plainData && len(b) > 0 {
		if err := c.unpack(&c.buf, b, h.unpacked-levels); err != nil {
			return err
		}
		b = c.buf
	}
	return c.values(h, b)
}

// values takes a page's values in their encoding.
func (c *column) values(h *pageHeader, b []byte) error {
	var err error
	c.vals, err = c.decoder(h.encoding, b, uint64(h.values))
	c.inPage = h.values
	return err
}

func (c *column) decoder(encoding int, b []byte, n uint64) (decoder, error) {
	switch {
	case encoding == plainDictionary || encoding == dictionaryCoded:
		if !c.dict.has {
			return nil, damaged("a page refers to a dictionary that is not there")
		}
		if len(b) == 0 {
			return &indices{d: &c.dict}, nil // all values are null
		}
		if b[0] > 32 {
			return nil, damaged("indices of %d bits", b[0])
		}
		return &indices{hybrid{b: b[1:], width: uint(b[0])}, &c.dict}, nil
	case encoding == plain && c.typ == typeByteArray:
		return &plainTexts{b}, nil
	case encoding == plain:
		return &plainNumbers{b, c}, nil
	case encoding == deltaPacked && c.typ != typeByteArray:
		p, err := newPacked(b)
		return &deltaNumbers{p, c}, err
	case encoding == deltaLengthBytes && c.typ == typeByteArray:
		return newLengths(b, n)
	case encoding == deltaBytes && c.typ == typeByteArray:
		return newPrefixed(b, n)
	}
	return nil, damaged("encoding %d, which is not read here", encoding)
}
