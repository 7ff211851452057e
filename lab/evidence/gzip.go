package evidence

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
)

var gzipMagic = []byte{0x1f, 0x8b} // RFC 1952, section 2.3.1

// Decompress returns a reader of r's content, unpacked if it is gzip (recognised by its first bytes, several members in a
// row are one content), else as it is. For text use [NewLines], which does this itself.
//
// Damaged gzip gives what could be unpacked and then an error that says "damaged gzip".
func Decompress(r io.Reader) io.Reader { return &gunzip{src: &source{r: r}} }

// gunzip decides at its first Read.
type gunzip struct {
	src *source
	out io.Reader
	err error
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.out == nil && g.err == nil {
		g.start()
	}
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.out.Read(p)
	if err != nil && err != io.EOF {
		err = g.src.blame(err)
	}
	if err != nil {
		g.err = err
	}
	return n, err
}

func (g *gunzip) start() {
	var head [2]byte
	n, err := io.ReadFull(g.src, head[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		g.err = err
		return
	}
	in := io.MultiReader(bytes.NewReader(head[:n]), g.src)
	if !bytes.Equal(head[:n], gzipMagic) {
		g.out = in
		return
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		g.err = g.src.blame(err)
		return
	}
	g.out = z
}

// source is the input. It remembers a failure of it, to tell that from damage, and is a failure if nothing comes for long.
type source struct {
	r     io.Reader
	empty int
	err   error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if n > 0 || err != nil {
		s.empty = 0
	} else if s.empty++; s.empty > 100 {
		err = io.ErrNoProgress
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// blame returns the input's own failure if there was one, else says that the content is damaged.
func (s *source) blame(err error) error {
	if s.err != nil {
		return s.err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &damageError{msg: damagedGzip + "it ends too early"}
	}
	return &damageError{msg: damagedGzip + strings.TrimPrefix(err.Error(), "gzip: ") + "; what was unpacked before may be wrong too"}
}

// damagedGzip begins what is said of gzip that cannot be unpacked.
const damagedGzip = "damaged gzip: "

// damageError is content that cannot be unpacked. Lines turns it into a ParseError with a position.
type damageError struct {
	msg  string
	goOn bool // the reader can be read on
}

func (e *damageError) Error() string { return e.msg }
