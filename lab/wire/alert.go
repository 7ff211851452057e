package wire

import (
	"fmt"
	"strconv"
)

// The levels of an alert.
const (
	AlertWarning uint8 = 1
	AlertFatal   uint8 = 2
)

// The alerts that this project sends or looks for. RFC 8446, section 6, and the older RFCs it replaces.
const (
	AlertCloseNotify            uint8 = 0
	AlertUnexpectedMessage      uint8 = 10
	AlertHandshakeFailure       uint8 = 40
	AlertBadCertificate         uint8 = 42
	AlertUnsupportedCertificate uint8 = 43
	AlertCertificateExpired     uint8 = 45
	AlertCertificateUnknown     uint8 = 46
	AlertIllegalParameter       uint8 = 47
	AlertUnknownCA              uint8 = 48
	AlertDecodeError            uint8 = 50
	AlertDecryptError           uint8 = 51
	AlertProtocolVersion        uint8 = 70
	AlertInsufficientSecurity   uint8 = 71
	AlertInternalError          uint8 = 80
	AlertInappropriateFallback  uint8 = 86
	AlertMissingExtension       uint8 = 109
	AlertUnrecognizedName       uint8 = 112
	AlertCertificateRequired    uint8 = 116
	AlertNoApplicationProtocol  uint8 = 120
)

// Alert is a TLS alert as on the wire.
type Alert struct {
	Level       uint8 `json:"level"`       // 1 warning, 2 fatal
	Description uint8 `json:"description"` // RFC 8446, section 6
}

// https://www.iana.org/assignments/tls-parameters/tls-parameters.xhtml#tls-parameters-6
var alertNames = map[uint8]string{
	0: "close_notify", 1: "end_of_early_data", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed",
	22: "record_overflow", 30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
	43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
	47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
	52: "too_many_cids_requested", 60: "export_restriction", 70: "protocol_version", 71: "insufficient_security",
	80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
	110: "unsupported_extension", 111: "certificate_unobtainable", 112: "unrecognized_name",
	113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", 115: "unknown_psk_identity",
	116: "certificate_required", 117: "general_error", 120: "no_application_protocol", 121: "ech_required",
}

// Name returns the name of the description, "handshake_failure", or its number where it has none.
func (a Alert) Name() string {
	if n, ok := alertNames[a.Description]; ok {
		return n
	}
	return strconv.Itoa(int(a.Description))
}

// String returns level and name: "fatal handshake_failure".
func (a Alert) String() string {
	switch a.Level {
	case AlertWarning:
		return "warning " + a.Name()
	case AlertFatal:
		return "fatal " + a.Name()
	}
	return fmt.Sprintf("level %d %s", a.Level, a.Name())
}

// Record returns the alert as an unencrypted record of version v.
func (a Alert) Record(v Version) []byte {
	return []byte{recordAlert, byte(v >> 8), byte(v), 0, 2, a.Level, a.Description}
}

// ParseAlert reads one unencrypted alert record, header included. Bytes after it are ignored.
func ParseAlert(b []byte) (Alert, error) {
	switch {
	case len(b) < 7:
		return Alert{}, &ParseError{len(b), "alert record is cut short"}
	case b[0] != recordAlert:
		return Alert{}, &ParseError{0, fmt.Sprintf("record type %d is not an alert", b[0])}
	case b[1] != 3:
		return Alert{}, &ParseError{1, "not a TLS record"}
	case b[3] != 0 || b[4] != 2:
		return Alert{}, &ParseError{3, "an unencrypted alert has two bytes"}
	}
	return Alert{Level: b[5], Description: b[6]}, nil
}
