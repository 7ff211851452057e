package alb

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
)

// write writes a response. The order of the fields is that of an ALB, as far as published sizes tell. finish is called with
// the response's size before its last byte goes out: whoever has the whole response can count on its evidence.
func (h *http1) write(req *http.Request, r *response, keep bool, finish func(sent int64)) error {
	h.sent = 0
	w := h.bw
	w.WriteString("HTTP/1.1 " + strings.TrimSpace(strconv.Itoa(r.status)+" "+statusText(r.status)) + "\r\n")
	first := []string{"Server", "Date", "Content-Type"}
	if !r.own {
		first = []string{"Date", "Content-Type"}
	}
	writeHeader(w, r.header, first)
	none := r.status == http.StatusNoContent || r.status == http.StatusNotModified
	chunked := false
	switch {
	case none:
	case r.length >= 0:
		w.WriteString("Content-Length: " + strconv.FormatInt(r.length, 10) + "\r\n")
	case req != nil && req.ProtoAtLeast(1, 1):
		chunked = true
		w.WriteString("Transfer-Encoding: chunked\r\n")
	default:
		keep = false
	}
	connection := "close"
	if keep {
		connection = "keep-alive"
	}
	w.WriteString("Connection: " + connection + "\r\n\r\n")
	var err error
	if none = none || r.body == nil || req != nil && req.Method == http.MethodHead; !none {
		err = h.writeBody(r, chunked)
	}
	r.discard()
	finish(h.sent + int64(w.Buffered()))
	if e := w.Flush(); err == nil {
		err = e
	}
	if err == nil && r.length < 0 && !chunked && !none {
		return errEndOfBody
	}
	return err
}

// writeBody passes a body on as it comes. What is written last stays in the buffer.
func (h *http1) writeBody(r *response, chunked bool) error {
	if r.own {
		_, err := io.Copy(h.bw, r.body)
		return err
	}
	if chunked {
		cw := httputil.NewChunkedWriter(h.bw)
		if err := h.copyFlushing(cw, r); err != nil {
			return err
		}
		cw.Close()
		_, err := io.WriteString(h.bw, "\r\n")
		return err
	}
	return h.copyFlushing(h.bw, r)
}

func (h *http1) copyFlushing(w io.Writer, r *response) error {
	buf := make([]byte, 16<<10)
	for rest := r.length; ; {
		n, err := r.body.Read(buf)
		if n > 0 {
			if _, e := w.Write(buf[:n]); e != nil {
				return e
			}
			if rest -= int64(n); rest != 0 {
				if e := h.bw.Flush(); e != nil {
					return e
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// writeHeader writes the named fields first and the others in the order of their names.
func writeHeader(w *bufio.Writer, h http.Header, first []string) {
	done := map[string]bool{"Content-Length": true, "Connection": true, "Transfer-Encoding": true}
	for _, k := range first {
		for _, v := range h[k] {
			w.WriteString(k + ": " + v + "\r\n")
		}
		done[k] = true
	}
	h.WriteSubset(w, done)
}
