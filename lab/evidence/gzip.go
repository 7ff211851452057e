package evidence

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

var gzipMagic = []byte{0x1f, 0x8b} // RFC 1952, section 2.3.1

// Decompress returns a reader of r's content, unpacked if it is gzip (recognised by its first bytes, several members in a
// row are one content), else as it is. For text use [NewLines], which does this itself.
//
// Damaged gzip gives what could be unpacked and then an error that says "damaged gzip".
func Decompress(r io.Reader) io.Reader { return &gunzip{r: r} }

// gunzip decides at its first Read.
type gunzip struct {
	r   io.Reader
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
	if err != nil && err != io.EOF && g.src != nil {
		err = g.src.blame(err)
	}
	if err != nil {
		g.err = err
	}
	return n, err
}

func (g *gunzip) start() {
	var head [2]byte
	n, err := io.ReadFull(g.r, head[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		g.err = err
		return
	}
	in := io.MultiReader(bytes.NewReader(head[:n]), g.r)
	if !bytes.Equal(head[:n], gzipMagic) {
		g.out = in
		return
	}
	g.src = &source{r: in}
	z, err := gzip.NewReader(g.src)
	if err != nil {
		g.err = g.src.blame(err)
		return
	}
	g.out = z
}

// source remembers a failure of the packed input, to tell it from damage.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
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
		return &damageError{msg: "damaged gzip: it ends too early"}
	}
	return &damageError{msg: "damaged gzip: " + err.Error()}
}

// damageError is content that cannot be unpacked. Lines turns it into a ParseError with a position.
type damageError struct {
	msg  string
	goOn bool // the reader can be read on
}

func (e *damageError) Error() string { return e.msg }
