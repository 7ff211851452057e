package clients

import (
	"fmt"

	"github.com/alblab/alblab/lab/wire"
)

// opensslAlerts are OpenSSL 3.0's words for a fatal alert that it received: SSL_alert_desc_string(3) and the list of
// reasons SSL_R_... in ssl.h, where each is 1000 above the alert's number.
var opensslAlerts = map[uint8]string{
	10: "sslv3 alert unexpected message", 20: "sslv3 alert bad record mac", 21: "tlsv1 alert decryption failed",
	22: "tlsv1 alert record overflow", 30: "sslv3 alert decompression failure", 40: "sslv3 alert handshake failure",
	41: "sslv3 alert no certificate", 42: "sslv3 alert bad certificate", 43: "sslv3 alert unsupported certificate",
	44: "sslv3 alert certificate revoked", 45: "sslv3 alert certificate expired", 46: "sslv3 alert certificate unknown",
	47: "sslv3 alert illegal parameter", 48: "tlsv1 alert unknown ca", 49: "tlsv1 alert access denied",
	50: "tlsv1 alert decode error", 51: "tlsv1 alert decrypt error", 60: "tlsv1 alert export restriction",
	70: "tlsv1 alert protocol version", 71: "tlsv1 alert insufficient security", 80: "tlsv1 alert internal error",
	86: "tlsv1 alert inappropriate fallback", 90: "tlsv1 alert user cancelled", 100: "tlsv1 alert no renegotiation",
	109: "tlsv13 alert missing extension", 110: "tlsv1 unsupported extension", 111: "tlsv1 certificate unobtainable",
	112: "tlsv1 unrecognized name", 113: "tlsv1 bad certificate status response", 114: "tlsv1 bad certificate hash value",
	115: "tlsv1 alert unknown psk identity", 116: "tlsv13 alert certificate required",
	120: "tlsv1 alert no application protocol",
}

// opensslAlert is OpenSSL's error string for an alert, as curl prints it.
func opensslAlert(a *wire.Alert) string {
	reason := 1000 + int(a.Description)
	words, ok := opensslAlerts[a.Description]
	if !ok {
		words = fmt.Sprintf("reason(%d)", reason)
	}
	return fmt.Sprintf("%s: error:%08X:SSL routines::%s", opensslVersion, 0x0A000000|reason, words)
}
