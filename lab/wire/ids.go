package wire

// Version is a protocol version as on the wire. Its text form is AWS's: "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3".
type Version uint16

// The versions.
const (
	SSLv2 Version = 0x0002
	SSLv3 Version = 0x0300
	TLS10 Version = 0x0301
	TLS11 Version = 0x0302
	TLS12 Version = 0x0303
	TLS13 Version = 0x0304
)

// Suite is a cipher suite. Its text form is the IANA name; OpenSSL gives the name that ALB logs use.
type Suite uint16

// Group is a named group of supported_groups. Its text form is "x25519", "secp256r1", "X25519MLKEM768".
type Group uint16

// The groups that security policies know.
const (
	SECP256R1          Group = 0x0017
	SECP384R1          Group = 0x0018
	SECP521R1          Group = 0x0019
	X25519             Group = 0x001D
	SecP256r1MLKEM768  Group = 0x11EB
	X25519MLKEM768     Group = 0x11EC
	SecP384r1MLKEM1024 Group = 0x11ED
)

// Scheme is a signature scheme. Its text form is "rsa_pss_rsae_sha256".
type Scheme uint16
