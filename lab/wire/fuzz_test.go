package wire

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func addHellos(f *testing.F) {
	f.Helper()
	for _, r := range recordedHellos(f) {
		f.Add(r.raw)
		f.Add(r.raw[5:])
	}
	f.Add(unhex(f, rfc8448Hello))
	f.Add([]byte("\x80\x1a\x01\x03\x01\x00\x09\x00\x00\x00\x08\x00\x00\x2f\x01\x00\x80\x00\x00\xffabcdefgh"))
	f.Add([]byte("GET / HTTP/1.1"))
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var pe *ParseError
	if err != nil && (!errors.As(err, &pe) || pe.Offset < 0 || pe.What == "") {
		t.Fatalf("error %T %v", err, err)
	}
}

func FuzzParseHello(f *testing.F) {
	addHellos(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHello(b)
		checkError(t, err)
		if err != nil {
			return
		}
		_, _, _ = h.JA3(), h.JA4(), h.JA4Raw()
		if h.Format == FormatSSLv2 {
			return
		}
		msg, err := AppendClientHello(nil, h, nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseClientHello(msg)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if again.JA3String() != h.JA3String() || again.JA4Raw() != h.JA4Raw() || again.ServerName != h.ServerName ||
			!slices.Equal(again.Schemes, h.Schemes) || len(again.KeyShares) != len(h.KeyShares) || !bytes.Equal(again.Random, h.Random) {
			t.Fatalf("written and read again, it differs:\n%+v\n%+v", h, again)
		}
	})
}

func FuzzHelloReader(f *testing.F) {
	addHellos(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var whole, bytewise HelloReader
		whole.Feed(b)
		for i := range b {
			bytewise.Feed(b[i : i+1])
		}
		checkError(t, whole.Err())
		if whole.State() != bytewise.State() {
			t.Fatalf("in one piece %v (%v), byte by byte %v (%v)", whole.State(), whole.Err(), bytewise.State(), bytewise.Err())
		}
		if whole.State() == HelloComplete && (whole.Consumed() != bytewise.Consumed() || !bytes.Equal(whole.Message(), bytewise.Message())) {
			t.Fatal("the pieces make a difference")
		}
	})
}

func FuzzParseServerHello(f *testing.F) {
	f.Add(unhex(f, rfc8448ServerHello))
	f.Add(AppendRecords(nil, unhex(f, rfc8448ServerHello), TLS12, 20))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := ParseServerHello(b)
		checkError(t, err)
	})
}

func FuzzParseAlert(f *testing.F) {
	f.Add(Alert{AlertFatal, AlertHandshakeFailure}.Record(TLS12))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAlert(b)
		checkError(t, err)
		if err == nil && a.String() == "" {
			t.Fatal("no name")
		}
	})
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"TLSv1.2", "0xC02F", "ECDHE-RSA-AES128-SHA", "x25519", "rsa_pss_rsae_sha256", "", "0x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseSuite(s); err == nil {
			if back, err := ParseSuite(v.String()); err != nil || back != v {
				t.Fatalf("%v %v %v", v, back, err)
			}
		}
		if v, err := ParseVersion(s); err == nil && v != 0 {
			if back, err := ParseVersion(v.String()); err != nil || back != v {
				t.Fatalf("%v %v %v", v, back, err)
			}
		}
		_, _ = ParseGroup(s)
		_, _ = ParseScheme(s)
	})
}
