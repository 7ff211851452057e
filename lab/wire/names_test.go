package wire

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"github.com/alblab/alblab/lab/labtest/tooltest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTextForms(t *testing.T) {
	type all struct {
		V Version `json:"v"`
		S Suite   `json:"s"`
		G Group   `json:"g"`
		C Scheme  `json:"c"`
	}
	tests := []struct {
		value all
		json  string
	}{
		{all{TLS12, 0xC02F, SECP256R1, RSAPSSSHA256}, `{"v":"TLSv1.2","s":"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256","g":"secp256r1","c":"rsa_pss_rsae_sha256"}`},
		{all{TLS10, 0xFFFE, 0xFFFE, 0xFFFE}, `{"v":"TLSv1","s":"0xFFFE","g":"0xFFFE","c":"0xFFFE"}`},
		{all{0x7F17, 0x5600, X25519MLKEM768, ECDSAP384SHA384}, `{"v":"0x7F17","s":"TLS_FALLBACK_SCSV","g":"X25519MLKEM768","c":"ecdsa_secp384r1_sha384"}`},
		{all{}, `{"v":null,"s":null,"g":null,"c":null}`},
	}
	for _, tt := range tests {
		b, err := json.Marshal(tt.value)
		require.NoError(t, err)
		assert.Equal(t, tt.json, string(b))
		var back all
		require.NoError(t, json.Unmarshal(b, &back))
		assert.Equal(t, tt.value, back)
	}
	var v Version
	require.Error(t, json.Unmarshal([]byte(`5`), &v))
	require.EqualError(t, v.UnmarshalText([]byte("TLSv9")), `unknown TLS version "TLSv9"`)
	m, err := json.Marshal(map[Suite]int{0x1301: 1})
	require.NoError(t, err)
	assert.Equal(t, `{"TLS_AES_128_GCM_SHA256":1}`, string(m))
}

func TestVersionForms(t *testing.T) {
	for s, want := range map[string]Version{
		"TLSv1": TLS10, "TLSv1.0": TLS10, "tlsv1.1": TLS11, "1.2": TLS12, "TLS1.3": TLS13, "SSLv3": SSLv3, "0x7f17": 0x7F17,
	} {
		v, err := ParseVersion(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, v, s)
	}
}

func TestSuiteNames(t *testing.T) {
	for i := 1; i < len(suiteNames); i++ {
		require.Less(t, suiteNames[i-1].id, suiteNames[i].id, "sorted")
	}
	for _, n := range suiteNames {
		for _, s := range []string{n.iana, n.openssl, hex16(uint16(n.id))} {
			if s == "" {
				continue
			}
			got, err := ParseSuite(s)
			require.NoError(t, err)
			require.Equal(t, n.id, got, s)
		}
	}
	assert.Equal(t, "ECDHE-RSA-AES128-GCM-SHA256", Suite(0xC02F).OpenSSL())
	assert.Equal(t, "0xC0FF", Suite(0xC0FF).String())
	_, err := ParseSuite("AES512")
	require.EqualError(t, err, `unknown cipher suite "AES512"`)
}

func TestSuiteNamesAgreeWithOpenSSL(t *testing.T) {
	tooltest.Need(t, "openssl")
	out, err := exec.Command("openssl", "ciphers", "-stdname", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0").Output()
	require.NoError(t, err)
	lines := regexp.MustCompile(`0x(..),0x(..) - (\S+)\s+- (\S+)`).FindAllStringSubmatch(string(out), -1)
	require.NotEmpty(t, lines)
	for _, l := range lines {
		id, err := strconv.ParseUint(l[1]+l[2], 16, 16)
		require.NoError(t, err)
		assert.Equal(t, l[3], Suite(id).String())
		assert.Equal(t, l[4], Suite(id).OpenSSL())
	}
}

func TestSuiteInfo(t *testing.T) {
	tests := []struct {
		suite Suite
		want  SuiteInfo
	}{
		{0x1301, SuiteInfo{KeyExchangeAny, AuthAny, TLS13, TLS13}},
		{0xC009, SuiteInfo{KeyExchangeECDHE, AuthECDSA, TLS10, TLS12}},
		{0xC030, SuiteInfo{KeyExchangeECDHE, AuthRSA, TLS12, TLS12}},
		{0x0035, SuiteInfo{KeyExchangeRSA, AuthRSA, SSLv3, TLS12}},
		{0x003C, SuiteInfo{KeyExchangeRSA, AuthRSA, TLS12, TLS12}},
	}
	for _, tt := range tests {
		got, ok := tt.suite.Info()
		assert.True(t, ok)
		assert.Equal(t, tt.want, got, tt.suite)
	}
	_, ok := Suite(0x0033).Info()
	assert.False(t, ok)
}

func TestGroupsAndSchemes(t *testing.T) {
	for _, n := range groupNames {
		g, err := ParseGroup(n.name)
		require.NoError(t, err)
		require.Equal(t, n.id, uint16(g))
	}
	for _, n := range schemeNames {
		s, err := ParseScheme(n.name)
		require.NoError(t, err)
		require.Equal(t, n.id, uint16(s))
	}
	g, err := ParseGroup("P-384")
	require.NoError(t, err)
	assert.Equal(t, SECP384R1, g)
	assert.True(t, X25519MLKEM768.PostQuantum())
	assert.False(t, X25519.PostQuantum())
}

func TestIsGREASE(t *testing.T) {
	n := 0
	for v := range 0x10000 {
		if IsGREASE(uint16(v)) {
			n++
		}
	}
	assert.Equal(t, 16, n) // RFC 8701, section 2
	assert.True(t, IsGREASE(Suite(0x0A0A)))
	assert.True(t, IsGREASE(Group(0xFAFA)))
	assert.False(t, IsGREASE(Suite(0x0A1A)))
}

func TestAlert(t *testing.T) {
	a := Alert{AlertFatal, AlertProtocolVersion}
	assert.Equal(t, "fatal protocol_version", a.String())
	back, err := ParseAlert(a.Record(TLS12))
	require.NoError(t, err)
	assert.Equal(t, a, back)
	assert.Equal(t, "level 7 200", Alert{7, 200}.String())
	for in, want := range map[string]string{
		"":                             "byte 0: alert record is cut short",
		"\x16\x03\x01\x00\x02\x02\x28": "byte 0: record type 22 is not an alert",
		"\x15\x07\x01\x00\x02\x02\x28": "byte 1: not a TLS record",
		"\x15\x03\x03\x00\x1a\x02\x28": "byte 3: an unencrypted alert has two bytes",
	} {
		_, err := ParseAlert([]byte(in))
		require.EqualError(t, err, want)
	}
}
