package clients

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"

	"github.com/alblab/alblab/lab/wire"
)

// protection is what a suite of TLS 1.2 does to records.
type protection struct {
	key, iv int              // bytes of the key block
	mac     func() hash.Hash // nil: AES-GCM, which authenticates too; else CBC
	prf     func() hash.Hash
}

// protectionOf knows the suites of TLS 1.2 that security policies use: RFC 5246, RFC 5288, RFC 5289.
func protectionOf(s wire.Suite) (p protection, ok bool) {
	switch s {
	case 0x009C, 0xC02B, 0xC02F:
		return protection{key: 16, iv: 4, prf: sha256.New}, true
	case 0x009D, 0xC02C, 0xC030:
		return protection{key: 32, iv: 4, prf: sha512.New384}, true
	case 0x002F, 0xC009, 0xC013:
		return protection{key: 16, mac: sha1.New, prf: sha256.New}, true
	case 0x0035, 0xC00A, 0xC014:
		return protection{key: 32, mac: sha1.New, prf: sha256.New}, true
	case 0x003C, 0xC023, 0xC027:
		return protection{key: 16, mac: sha256.New, prf: sha256.New}, true
	case 0x003D:
		return protection{key: 32, mac: sha256.New, prf: sha256.New}, true
	case 0xC024, 0xC028:
		return protection{key: 32, mac: sha512.New384, prf: sha512.New384}, true
	}
	return protection{}, false
}

// sealer protects records as the client of a TLS 1.2 session does, beside the TLS library, which writes no handshake records
// once the handshake is over.
type sealer struct {
	p            protection
	mac, key, iv []byte
}

// newSealer derives the client's keys: RFC 5246, section 6.3.
func newSealer(s wire.Suite, master, clientRandom, serverRandom []byte) (*sealer, error) {
	p, ok := protectionOf(s)
	if !ok {
		return nil, fmt.Errorf("records of %s cannot be made here", s)
	}
	macLen := 0
	if p.mac != nil {
		macLen = p.mac().Size()
	}
	block := prf(p.prf, master, "key expansion", slices.Concat(serverRandom, clientRandom), 2*(macLen+p.key+p.iv))
	keys := block[2*macLen:]
	ivs := keys[2*p.key:]
	return &sealer{p: p, mac: block[:macLen], key: keys[:p.key], iv: ivs[:p.iv]}, nil
}

// prf is TLS 1.2's pseudorandom function: RFC 5246, section 5.
func prf(h func() hash.Hash, secret []byte, label string, seed []byte, n int) []byte {
	seed = append([]byte(label), seed...)
	sum := func(parts ...[]byte) []byte {
		m := hmac.New(h, secret)
		for _, b := range parts {
			m.Write(b)
		}
		return m.Sum(nil)
	}
	var out []byte
	for a := sum(seed); len(out) < n; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:n]
}

// seal makes the record with this sequence number.
func (s *sealer) seal(typ byte, seq uint64, plain []byte) ([]byte, error) {
	head := binary.BigEndian.AppendUint64(nil, seq)
	head = append(head, typ, byte(wire.TLS12>>8), byte(wire.TLS12&0xff), byte(len(plain)>>8), byte(len(plain)))
	var body []byte
	var err error
	if s.p.mac == nil {
		body, err = s.sealGCM(head, plain)
	} else {
		body, err = s.sealCBC(head, plain)
	}
	if err != nil {
		return nil, err
	}
	return append([]byte{typ, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...), nil
}

// sealGCM: RFC 5288, section 3, with the sequence number as the explicit nonce.
func (s *sealer) sealGCM(head, plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(s.key)
	if err != nil {
		return nil, err
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	seq := head[:8]
	return a.Seal(bytes.Clone(seq), slices.Concat(s.iv, seq), plain, head), nil
}

// sealCBC: RFC 5246, section 6.2.3.2.
func (s *sealer) sealCBC(head, plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(s.key)
	if err != nil {
		return nil, err
	}
	m := hmac.New(s.p.mac, s.mac)
	m.Write(head)
	m.Write(plain)
	data := m.Sum(bytes.Clone(plain))
	pad := aes.BlockSize - len(data)%aes.BlockSize
	data = append(data, bytes.Repeat([]byte{byte(pad - 1)}, pad)...)
	out := make([]byte, aes.BlockSize+len(data))
	_, _ = rand.Read(out[:aes.BlockSize]) // never fails: crypto/rand
	cipher.NewCBCEncrypter(block, out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], data)
	return out, nil
}

// masterSecret reads a TLS library's key log: "CLIENT_RANDOM <random> <master secret>" (RFC 9850).
func masterSecret(keyLog []byte) (clientRandom, master []byte, err error) {
	for line := range bytes.Lines(keyLog) {
		f := bytes.Fields(line)
		if len(f) != 3 || string(f[0]) != "CLIENT_RANDOM" {
			continue
		}
		if clientRandom, err = hex.DecodeString(string(f[1])); err == nil {
			master, err = hex.DecodeString(string(f[2]))
		}
		return clientRandom, master, err
	}
	return nil, nil, errors.New("the session has no master secret: it is not of TLS 1.2")
}
