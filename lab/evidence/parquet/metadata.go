package parquet

// Codes of parquet.thrift (github.com/apache/parquet-format), as far as they are read or written here.
const (
	typeInt32     = 1
	typeInt64     = 2
	typeByteArray = 6

	required = 0
	optional = 1
	repeated = 2

	convertedUTF8  = 0
	convertedUint8 = 11 // to UINT_64, 14
	convertedInt8  = 15

	codecNone   = 0
	codecSnappy = 1
	codecGzip   = 2
	codecZstd   = 6

	plain            = 0
	plainDictionary  = 2
	runLength        = 3
	deltaPacked      = 5
	deltaLengthBytes = 6
	deltaBytes       = 7
	dictionaryCoded  = 8

	pageData       = 0
	pageIndex      = 1
	pageDictionary = 2
	pageDataV2     = 3
)

// metadata is what stands at a file's end.
type metadata struct {
	schema []element
	groups []group
}

// element is a node of the schema, the first of which is the root.
type element struct {
	name       string
	typ        int // -1: none
	repetition int
	children   int
	unsigned   bool
}

// readable reports whether values of the column can be read.
func (e *element) readable() bool {
	return e.repetition != repeated && (e.typ == typeInt32 || e.typ == typeInt64 || e.typ == typeByteArray)
}

// group is a row group.
type group struct {
	rows   int64
	chunks []chunk
}

// chunk is a column's part of a row group.
type chunk struct {
	typ, codec int
	values     int64
	size       int64 // of all pages, with their headers
	data, dict int64 // where the pages begin; dict 0: there is none, or before data
	apart      bool  // in a file of its own
}

// begins is where the first page stands.
func (c *chunk) begins() int64 {
	if c.dict > 0 && c.dict < c.data {
		return c.dict
	}
	return c.data
}

// check says what cannot be so.
func (c *chunk) check(col *column, rows, end int64) error {
	at := c.begins()
	switch {
	case c.apart:
		return damaged("its values are in another file")
	case c.typ != col.typ:
		return damaged("its type is %d, in the schema %d", c.typ, col.typ)
	case c.values != rows:
		return damaged("it has %d values for %d rows", c.values, rows)
	case rows > 0 && (at < int64(len(Magic)) || c.size <= 0 || c.size > end-at):
		return damaged("its pages lie outside of the file: %d bytes from byte %d", c.size, at)
	}
	switch c.codec {
	case codecNone, codecSnappy, codecGzip, codecZstd:
		return nil
	}
	return damaged("compression %s is not read here", codecName(c.codec))
}

func codecName(code int) string {
	names := []string{"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"}
	if code >= 0 && code < len(names) {
		return names[code]
	}
	return "of an unknown kind"
}

// readMetadata reads the structure FileMetaData.
func readMetadata(b []byte) (*metadata, error) {
	c := &compact{b: b}
	m := new(metadata)
	c.fields(func(id int, k kind) bool {
		switch id {
		case 2:
			c.structs(k, 4*maxColumns, func() { m.schema = append(m.schema, readElement(c)) })
		case 4:
			c.structs(k, maxGroups, func() { m.groups = append(m.groups, readGroup(c)) })
		case 8:
			c.fail(damaged("it is encrypted"))
		default:
			return false
		}
		return true
	})
	if c.err != nil {
		return nil, c.err
	}
	return m, nil
}

func readElement(c *compact) element {
	e := element{typ: -1}
	c.fields(func(id int, k kind) bool {
		switch id {
		case 1:
			e.typ = int(c.number(k))
		case 3:
			e.repetition = int(c.number(k))
		case 4:
			e.name = c.text(k)
		case 5:
			e.children = int(int32(c.number(k)))
		case 6:
			n := c.number(k)
			e.unsigned = e.unsigned || n >= convertedUint8 && n < convertedInt8
		case 10:
			e.unsigned = readLogicalType(c, k) || e.unsigned
		default:
			return false
		}
		return true
	})
	return e
}

// readLogicalType reads the union LogicalType, and whether it is an integer without sign.
func readLogicalType(c *compact, k kind) (unsigned bool) {
	if k != kindStruct {
		c.skip(k, true, 0)
		return false
	}
	c.fields(func(id int, k kind) bool {
		if id != 10 || k != kindStruct { // INTEGER
			return false
		}
		c.fields(func(id int, k kind) bool {
			unsigned = unsigned || id == 2 && k == kindFalse // isSigned
			return false
		})
		return true
	})
	return unsigned
}

func readGroup(c *compact) group {
	var g group
	c.fields(func(id int, k kind) bool {
		switch id {
		case 1:
			c.structs(k, maxColumns, func() { g.chunks = append(g.chunks, readChunk(c)) })
		case 3:
			g.rows = c.number(k)
		default:
			return false
		}
		return true
	})
	return g
}

func readChunk(c *compact) chunk {
	var ch chunk
	c.fields(func(id int, k kind) bool {
		switch {
		case id == 1:
			ch.apart = c.text(k) != ""
		case id == 3 && k == kindStruct:
			c.fields(ch.field(c))
		default:
			return false
		}
		return true
	})
	return ch
}

// field reads the fields of ColumnMetaData.
func (ch *chunk) field(c *compact) func(id int, k kind) bool {
	return func(id int, k kind) bool {
		switch id {
		case 1:
			ch.typ = int(c.number(k))
		case 4:
			ch.codec = int(c.number(k))
		case 5:
			ch.values = c.number(k)
		case 7:
			ch.size = c.number(k)
		case 9:
			ch.data = c.number(k)
		case 11:
			ch.dict = c.number(k)
		default:
			return false
		}
		return true
	}
}

// pageHeader is the structure PageHeader, with that of its kind of page.
type pageHeader struct {
	kind             int
	packed, unpacked int64 // bytes
	crc              uint32
	hasCRC           bool
	values           int64
	encoding         int
	defEncoding      int
	defSize, repSize int64 // version 2: bytes of levels, which are not packed
	plainData        bool  // version 2: the values are not packed
}

// readPageHeader returns the header at the beginning of b and its length.
func readPageHeader(b []byte) (pageHeader, int, error) {
	c := &compact{b: b}
	var h pageHeader
	c.fields(func(id int, k kind) bool {
		switch {
		case id == 1:
			h.kind = int(c.number(k))
		case id == 2:
			h.unpacked = c.number(k)
		case id == 3:
			h.packed = c.number(k)
		case id == 4:
			h.crc, h.hasCRC = uint32(c.number(k)), true
		case k == kindStruct && id == 5:
			c.fields(h.data(c))
		case k == kindStruct && id == 7:
			c.fields(h.data(c)) // the first two fields are the same
		case k == kindStruct && id == 8:
			c.fields(h.dataV2(c))
		default:
			return false
		}
		return true
	})
	return h, c.at, c.err
}

func (h *pageHeader) data(c *compact) func(id int, k kind) bool {
	return func(id int, k kind) bool {
		switch id {
		case 1:
			h.values = c.number(k)
		case 2:
			h.encoding = int(c.number(k))
		case 3:
			if k != kindI32 { // a dictionary's is_sorted
				return false
			}
			h.defEncoding = int(c.number(k))
		default:
			return false
		}
		return true
	}
}

func (h *pageHeader) dataV2(c *compact) func(id int, k kind) bool {
	return func(id int, k kind) bool {
		switch id {
		case 1:
			h.values = c.number(k)
		case 4:
			h.encoding = int(c.number(k))
		case 5:
			h.defSize = c.number(k)
		case 6:
			h.repSize = c.number(k)
		case 7:
			h.plainData = k == kindFalse
			return false
		default:
			return false
		}
		return true
	}
}
