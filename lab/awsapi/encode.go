package awsapi

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/fxamacker/cbor/v2"
)

func mapType() reflect.Type { return reflect.TypeFor[map[string]any]() }

// isoMillis is how the Query services write times.
const isoMillis = "2006-01-02T15:04:05.000Z"

// appendXML writes a value as an element. Lists are an element with an item each.
func appendXML(b *bytes.Buffer, name, item string, v any) {
	if v == nil {
		return
	}
	b.WriteByte('<')
	b.WriteString(name)
	b.WriteByte('>')
	switch v := v.(type) {
	case out:
		for _, f := range v {
			appendXML(b, f.name, item, f.value)
		}
	case list:
		for _, e := range v {
			appendXML(b, item, item, e)
		}
	case time.Time:
		b.WriteString(v.UTC().Format(isoMillis))
	case string:
		_ = xml.EscapeText(b, []byte(v))
	case float64:
		b.WriteString(strconv.FormatFloat(v, 'f', -1, 64))
	default:
		fmt.Fprint(b, v)
	}
	b.WriteString("</")
	b.WriteString(name)
	b.WriteByte('>')
}

// appendJSON writes a value. Times are seconds since 1970, as the JSON protocols have them.
func appendJSON(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case out:
		b.WriteByte('{')
		first := true
		for _, f := range v {
			if f.value == nil {
				continue
			}
			if !first {
				b.WriteByte(',')
			}
			first = false
			appendJSON(b, f.name)
			b.WriteByte(':')
			appendJSON(b, f.value)
		}
		b.WriteByte('}')
	case list:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			appendJSON(b, e)
		}
		b.WriteByte(']')
	case time.Time:
		b.WriteString(strconv.FormatFloat(float64(v.UnixMilli())/1000, 'f', -1, 64))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			fmt.Fprintf(b, "%q", strconv.FormatFloat(v, 'g', -1, 64))
			return
		}
		b.WriteString(strconv.FormatFloat(v, 'f', -1, 64))
	default:
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		_ = e.Encode(v) // a string, a number or a truth value
		b.Truncate(b.Len() - 1)
	}
}

// plainCBOR is a value as the encoder wants it: times with tag 1.
func plainCBOR(v any) any {
	switch v := v.(type) {
	case out:
		m := make(map[string]any, len(v))
		for _, f := range v {
			if f.value != nil {
				m[f.name] = plainCBOR(f.value)
			}
		}
		return m
	case list:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = plainCBOR(e)
		}
		return l
	case time.Time:
		return cbor.Tag{Number: 1, Content: float64(v.UnixMilli()) / 1000}
	}
	return v
}

func encodeCBOR(v any) ([]byte, error) { return cbor.Marshal(plainCBOR(v)) }
