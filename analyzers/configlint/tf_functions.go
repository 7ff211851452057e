package configlint

import (
	"regexp"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// tfFunctions are those of Terraform's functions that need nothing but their arguments. An expression with another one is
// unknown. https://developer.hashicorp.com/terraform/language/functions
func tfFunctions() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "chomp": stdlib.ChompFunc, "coalesce": coalesceFunc(),
		"coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc,
		"contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc,
		"floor": stdlib.FloorFunc, "format": formatFunc(), "indent": stdlib.IndentFunc, "join": stdlib.JoinFunc, "jsondecode": stdlib.JSONDecodeFunc,
		"keys": stdlib.KeysFunc, "length": lengthFunc(), "lookup": stdlib.LookupFunc, "lower": stdlib.LowerFunc, "max": stdlib.MaxFunc,
		"merge": stdlib.MergeFunc, "min": stdlib.MinFunc, "replace": replaceFunc(), "reverse": stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc, "setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc,
		"slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "split": stdlib.SplitFunc, "substr": stdlib.SubstrFunc,
		"title": stdlib.TitleFunc, "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc,
		"trimsuffix": stdlib.TrimSuffixFunc, "try": tryfunc.TryFunc, "can": tryfunc.CanFunc, "upper": stdlib.UpperFunc,
		"values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc, "one": oneFunc(),
		"tobool": toFunc(cty.Bool), "tostring": toFunc(cty.String), "tonumber": toFunc(cty.Number),
		"toset": toFunc(cty.Set(cty.DynamicPseudoType)), "tolist": toFunc(cty.List(cty.DynamicPseudoType)), "tomap": toFunc(cty.Map(cty.DynamicPseudoType)),
		"sensitive": same(), "nonsensitive": same(),
	}
}

// formatFunc is format without wide paddings, which could fill the memory.
func formatFunc() function.Function {
	wide := regexp.MustCompile(`%[^a-zA-Z%]*(\d{4,}|\*)`)
	return function.New(&function.Spec{
		Params:   []function.Parameter{{Name: "format", Type: cty.String}},
		VarParam: &function.Parameter{Name: "args", Type: cty.DynamicPseudoType, AllowNull: true},
		Type:     function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if wide.MatchString(args[0].AsString()) {
				return cty.UnknownVal(cty.String), nil
			}
			return stdlib.FormatFunc.Call(args)
		},
	})
}

// coalesceFunc is Terraform's: the first argument that is neither null nor an empty text.
func coalesceFunc() function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "vals", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowDynamicType: true, AllowNull: true},
		Type: func(args []cty.Value) (cty.Type, error) {
			var types []cty.Type
			for _, a := range args {
				types = append(types, a.Type())
			}
			t, _ := convert.UnifyUnsafe(types)
			if t == cty.NilType {
				t = cty.DynamicPseudoType
			}
			return t, nil
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			for _, a := range args {
				if !a.IsKnown() {
					return cty.UnknownVal(t), nil
				}
				if !a.IsNull() && !a.RawEquals(cty.StringVal("")) {
					return convert.Convert(a, t)
				}
			}
			return cty.NilVal, function.NewArgErrorf(0, "no argument that is neither null nor empty")
		},
	})
}

// lengthFunc takes texts as well as collections.
func lengthFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v := args[0]
			switch t := v.Type(); {
			case !v.IsKnown() || v.IsNull():
				return cty.UnknownVal(cty.Number), nil
			case t == cty.String:
				return stdlib.StrlenFunc.Call(args)
			case t.IsTupleType():
				return cty.NumberIntVal(int64(t.Length())), nil
			case t.IsObjectType():
				return cty.NumberIntVal(int64(len(t.AttributeTypes()))), nil
			case t.IsCollectionType():
				return v.Length(), nil
			}
			return cty.NilVal, function.NewArgErrorf(0, "neither a text nor a collection")
		},
	})
}

// replaceFunc is replace without regular expressions; with one it is unknown.
func replaceFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "str", Type: cty.String}, {Name: "substr", Type: cty.String}, {Name: "replace", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if s := args[1].AsString(); len(s) < 1 || len(s) > 1 && s[0] == '/' && s[len(s)-1] == '/' {
				return cty.UnknownVal(cty.String), nil
			}
			return stdlib.ReplaceFunc.Call(args)
		},
	})
}

// oneFunc gives the one element of a collection, or null.
func oneFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true}},
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v := args[0]
			if !v.IsWhollyKnown() || v.IsNull() || !v.CanIterateElements() {
				return cty.DynamicVal, nil
			}
			switch all := v.AsValueSlice(); len(all) {
			case 0:
				return cty.NullVal(cty.DynamicPseudoType), nil
			case 1:
				return all[0], nil
			}
			return cty.NilVal, function.NewArgErrorf(0, "more than one element")
		},
	})
}

func toFunc(t cty.Type) function.Function { return stdlib.MakeToFunc(t) }

// same returns its argument.
func same() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true}},
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0], nil },
	})
}
