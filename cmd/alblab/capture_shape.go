package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/alblab/alblab/lab/wire"
)

// captureOffer is what is written of hellos of one shape.
type captureOffer struct {
	ja3, ja4 string
	json     []byte // `"alpn":[...], ... ,"ja4":"..."`
	csv      []byte // the columns of the same
}

// maxOffers bounds the memory for offers. Few clients have more than a shape or two, but some draw GREASE and the order of their
// extensions anew each time.
const maxOffers = 1024

// captureOffers remembers what was made of a shape.
type captureOffers struct {
	known   map[string]*captureOffer
	shape   []byte
	scratch []byte
	csv     bool
}

// of returns what is to be written of a hello.
func (o *captureOffers) of(h *wire.ClientHello) *captureOffer {
	o.shape = h.AppendShape(o.shape[:0])
	if f, ok := o.known[string(o.shape)]; ok {
		return f
	}
	if o.known == nil || len(o.known) >= maxOffers {
		o.known = make(map[string]*captureOffer, 64)
	}
	f := o.make(h)
	o.known[string(o.shape)] = f
	return f
}

func (o *captureOffers) make(h *wire.ClientHello) *captureOffer {
	f := new(captureOffer)
	o.scratch = h.AppendJA3(o.scratch[:0])
	f.ja3 = string(o.scratch)
	o.scratch = h.AppendJA4(o.scratch[:0])
	f.ja4 = string(o.scratch)
	if o.csv {
		o.scratch = offerCSV(o.scratch[:0], h, f)
		f.csv = append([]byte(nil), o.scratch...)
		return f
	}
	o.scratch = offerJSON(o.scratch[:0], h, f)
	f.json = append([]byte(nil), o.scratch...)
	return f
}

// helloVersions are the versions that a hello offers, as far as it lists them: supported_versions, else the newest.
func helloVersions(h *wire.ClientHello) []wire.Version {
	if h.HasSupportedVersions {
		return h.SupportedVersions
	}
	return []wire.Version{h.LegacyVersion}
}

func offerJSON(b []byte, h *wire.ClientHello, f *captureOffer) []byte {
	b = append(b, `"alpn":[`...)
	for i, p := range h.ALPN {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, p)
	}
	b = appendNames(append(b, `],"versions":`...), helloVersions(h))
	b = appendNames(append(b, `,"ciphers":`...), h.Suites)
	b = appendNames(append(b, `,"groups":`...), h.Groups)
	b = appendNames(append(b, `,"key_shares":`...), shareGroups(h))
	b = appendNames(append(b, `,"signature_schemes":`...), h.Schemes)
	b = append(b, `,"extensions":[`...)
	for i, e := range h.Extensions {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(e), 10)
	}
	b = append(append(append(b, `],"ja3":"`...), f.ja3...), `","ja4":"`...)
	return append(append(b, f.ja4...), '"')
}

// appendNames appends a JSON list of names of ours, which need no escapes.
func appendNames[T fmt.Stringer](b []byte, ids []T) []byte {
	b = append(b, '[')
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), id.String()...), '"')
	}
	return append(b, ']')
}

func offerCSV(b []byte, h *wire.ClientHello, f *captureOffer) []byte {
	b = appendField(b, strings.Join(h.ALPN, " "))
	b = appendWords(append(b, ','), helloVersions(h))
	b = appendWords(append(b, ','), h.Suites)
	b = appendWords(append(b, ','), h.Groups)
	b = appendWords(append(b, ','), shareGroups(h))
	b = appendWords(append(b, ','), h.Schemes)
	b = append(append(b, ','), f.ja3...)
	return append(append(b, ','), f.ja4...)
}

// appendWords appends names with blanks between them.
func appendWords[T fmt.Stringer](b []byte, ids []T) []byte {
	for i, id := range ids {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, id.String()...)
	}
	return b
}
