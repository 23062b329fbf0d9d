// Operands of products: as they are stored, or with HALF rounded to f16 (numeric class f16-multiply,
// shared/engine/plan/numerics.ts). Either way they are f32 where they are multiplied, and a product of
// two f16 numbers is exact there. A gradient is rounded at GRADIENT_SCALE, a power of two.
//% if HALF
enable f16;
alias Kept = vec4h; // how workgroup memory holds operands
const GRADIENT_SCALE = ${GRADIENT_SCALE}.0;
fn keep(v: vec4f) -> Kept { return vec4h(v); }
fn keep_gradient(v: vec4f) -> Kept { return vec4h(v * GRADIENT_SCALE); }
fn kept(v: Kept) -> vec4f { return vec4f(v); }
fn kept_gradient(v: Kept) -> vec4f { return vec4f(v) * (1.0 / GRADIENT_SCALE); }
fn scalar_operand(v: f32) -> f32 { return f32(f16(v)); }
//% else
alias Kept = vec4f;
fn keep(v: vec4f) -> Kept { return v; }
fn keep_gradient(v: vec4f) -> Kept { return v; }
fn kept(v: Kept) -> vec4f { return v; }
fn kept_gradient(v: Kept) -> vec4f { return v; }
fn scalar_operand(v: f32) -> f32 { return v; }
//% end
fn operand(v: vec4f) -> vec4f { return kept(keep(v)); }
fn gradient_operand(v: vec4f) -> vec4f { return kept_gradient(keep_gradient(v)); }
