package wire

// Format says how a hello was framed.
type Format uint8

// The formats.
const (
	FormatTLS   Format = iota // records of SSLv3 and later
	FormatSSLv2               // the two-byte framing of SSLv2, also used to offer later versions
)

// ClientHello is a parsed hello. Slices borrow the bytes they were parsed from only where that is said; Parse reuses the
// others. [AppendClientHello] writes one.
type ClientHello struct {
	Format        Format
	RecordVersion Version  // of the first record, 0 if parsed from a bare handshake message
	LegacyVersion Version  // client_version
	Random        []byte   // borrows
	SessionID     []byte   // borrows
	Suites        []Suite  // as offered, GREASE and signalling values included
	Compression   []byte   // borrows
	Extensions    []uint16 // types in order, GREASE included
	ServerName    string   // host_name of server_name, "" if none
	HasServerName bool
	ALPN          []string
	// A Has field tells an empty list from a missing extension.
	SupportedVersions    []Version
	HasSupportedVersions bool
	Groups               []Group
	HasGroups            bool
	PointFormats         []byte // borrows
	HasPointFormats      bool
	Schemes              []Scheme // signature_algorithms
	HasSchemes           bool
	CertSchemes          []Scheme // signature_algorithms_cert
	KeyShares            []KeyShare
	HasKeyShare          bool
	HasPreSharedKey      bool
	PSKModes             []byte // borrows
	SessionTicket        bool   // the extension is there
	ExtendedMasterSecret bool
	RenegotiationInfo    bool // the extension or the signalling suite
	Len                  int  // bytes of the handshake message, header included

	block []byte // the extensions as they came, without the length in front; borrows
}

// KeyShare is one entry of key_share.
type KeyShare struct {
	Group Group
	Data  []byte // borrows
}
