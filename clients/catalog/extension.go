package catalog

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/alblab/alblab/lab/wire"
)

// extensionNames are the types that real clients send:
// https://www.iana.org/assignments/tls-extensiontype-values/tls-extensiontype-values.xhtml, and those that were never
// assigned: Next Protocol Negotiation, Channel ID, ALPS.
var extensionNames = map[uint16]string{
	0: "server_name", 5: "status_request", 10: "supported_groups", 11: "ec_point_formats", 13: "signature_algorithms",
	15: "heartbeat", 16: "application_layer_protocol_negotiation", 17: "status_request_v2",
	18: "signed_certificate_timestamp", 21: "padding", 22: "encrypt_then_mac", 23: "extended_master_secret",
	27: "compress_certificate", 28: "record_size_limit", 34: "delegated_credential", 35: "session_ticket",
	41: "pre_shared_key", 43: "supported_versions", 45: "psk_key_exchange_modes", 49: "post_handshake_auth",
	50: "signature_algorithms_cert", 51: "key_share", 13172: "next_protocol_negotiation", 17613: "application_settings",
	30031: "channel_id_old", 30032: "channel_id", 65037: "encrypted_client_hello", 65281: "renegotiation_info",
}

func extensionText(t uint16) string {
	if name, ok := extensionNames[t]; ok {
		return name
	}
	return fmt.Sprintf("0x%04X", t)
}

func parseExtension(s string) (uint16, error) {
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		v, err := strconv.ParseUint(hex, 16, 16)
		return uint16(v), err
	}
	for t, name := range extensionNames {
		if name == s {
			return t, nil
		}
	}
	return 0, fmt.Errorf("unknown extension %q", s)
}

// bodies are the contents of extensions that are the same in all clients, or that a list of types does not tell: then
// they are those of the clients that are known to send them. What is missing here is empty.
func (c *Client) bodies() map[uint16][]byte {
	compression := byte(2) // brotli, as Chrome
	if c.Family == "Safari" {
		compression = 1 // zlib
	}
	raw := map[uint16][]byte{
		5:     {1, 0, 0, 0, 0},                                                                                                       // OCSP, no responders, no extensions: RFC 6066, section 8
		15:    {1},                                                                                                                   // peer_allowed_to_send: RFC 6520
		17:    {0, 7, 2, 0, 4, 0, 0, 0, 0},                                                                                           // ocsp_multi: RFC 6961
		27:    {2, 0, compression},                                                                                                   // RFC 8879
		28:    {0x40, 0x01},                                                                                                          // 16385: RFC 8449
		34:    {0, 8, 4, 3, 5, 3, 6, 3, 2, 3},                                                                                        // ECDSA schemes: RFC 9345
		17613: {0, 3, 2, 'h', '2'},                                                                                                   // draft-vvd-tls-alps
		65037: append([]byte{0, 0, 1, 0, 1, 7, 0, 32}, append(make([]byte, 32), append([]byte{0, 144}, make([]byte, 144)...)...)...), // GREASE: RFC 9849
		65281: {0},                                                                                                                   // first handshake: RFC 5746
	}
	last := uint16(0)
	for _, e := range c.Extensions {
		if wire.IsGREASE(e) { // the first GREASE extension is empty, the last has a byte: BoringSSL
			if last != 0 {
				raw[e] = []byte{0}
			}
			last = e
		}
	}
	return raw
}
