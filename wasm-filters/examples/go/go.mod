module wit_component

go 1.24

require go.bytecodealliance.org/pkg v0.0.0

replace go.bytecodealliance.org/pkg => ./wit-pkg
