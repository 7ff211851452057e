package parquet

import "encoding/binary"

// thriftWriter writes Thrift's compact protocol. Fields of a structure come in the order of their ids.
type thriftWriter struct {
	b    []byte
	last int   // id of the field before
	up   []int // of the structures around this one
}

func (t *thriftWriter) field(id int, k kind) {
	t.b = append(t.b, byte(id-t.last)<<4|byte(k)) // ids differ by less than 16 here
	t.last = id
}

func (t *thriftWriter) varint(v int64) { t.b = binary.AppendUvarint(t.b, uint64(v<<1)^uint64(v>>63)) }

// number writes a field of type i32, long one of type i64.
func (t *thriftWriter) number(id int, v int64) {
	t.field(id, kindI32)
	t.varint(v)
}

func (t *thriftWriter) long(id int, v int64) {
	t.field(id, kindI64)
	t.varint(v)
}

func (t *thriftWriter) text(id int, s string) {
	t.field(id, kindBinary)
	t.texts(s)
}

// list begins a list, whose elements follow.
func (t *thriftWriter) list(id int, k kind, n int) {
	t.field(id, kindList)
	if n < 15 {
		t.b = append(t.b, byte(n)<<4|byte(k))
		return
	}
	t.b = binary.AppendUvarint(append(t.b, 15<<4|byte(k)), uint64(n))
}

// numbers and texts are elements.
func (t *thriftWriter) numbers(all ...int64) {
	for _, v := range all {
		t.varint(v)
	}
}

func (t *thriftWriter) texts(all ...string) {
	for _, s := range all {
		t.b = append(binary.AppendUvarint(t.b, uint64(len(s))), s...)
	}
}

// begin begins a field that is a structure, end ends it.
func (t *thriftWriter) begin(id int) {
	t.field(id, kindStruct)
	t.down()
}

func (t *thriftWriter) end() {
	t.stop()
	t.last, t.up = t.up[len(t.up)-1], t.up[:len(t.up)-1]
}

func (t *thriftWriter) down() { t.up, t.last = append(t.up, t.last), 0 }

// element writes a structure of a list.
func (t *thriftWriter) element(fields func()) {
	t.down()
	fields()
	t.end()
}

// stop ends the outermost structure.
func (t *thriftWriter) stop() { t.b = append(t.b, byte(kindStop)) }
