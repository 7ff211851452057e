package wire

// Alert is a TLS alert as on the wire.
type Alert struct {
	Level       uint8 `json:"level"`       // 1 warning, 2 fatal
	Description uint8 `json:"description"` // RFC 8446, section 6
}
