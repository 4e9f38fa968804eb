// product = left x right + frame, tile by tile: 8 x 8 threads make 32 x 32 elements, each 4 x 4 of them.
struct Sizes {
    width: u32,
    height: u32,
    depth: u32, // columns of left, rows of right: a multiple of STEP
    pitch: u32, // elements from one row of product to the next
    frame: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read_write> product: array<u32>;

const THREADS = 8u;
const EACH = 4u;
const TILE = 32u; // THREADS x EACH
const STEP = 32u;

var<workgroup> left_tile: array<f32, 1024>;  // TILE rows of STEP
var<workgroup> right_tile: array<f32, 1024>; // STEP rows of TILE

fn load_tiles(corner: vec2u, k: u32, thread: u32) {
    for (var i = thread; i < TILE * STEP; i += THREADS * THREADS) {
        let row = min(corner.y + i / STEP, sizes.height - 1);
        left_tile[i] = left[row * sizes.depth + k + i % STEP];
        let column = min(corner.x + i % TILE, sizes.width - 1);
        right_tile[i] = right[(k + i / TILE) * sizes.width + column];
    }
}

@compute @workgroup_size(8, 8)
fn cs(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) at: vec3u,
      @builtin(local_invocation_index) thread: u32) {
    let corner = group.xy * TILE;
    var sums: array<vec4f, 4>;
    for (var k = 0u; k < sizes.depth; k += STEP) {
        load_tiles(corner, k, thread);
        workgroupBarrier();
        for (var term = 0u; term < STEP; term++) {
            let first = term * TILE + at.x * EACH;
            let row = vec4f(right_tile[first], right_tile[first + 1], right_tile[first + 2], right_tile[first + 3]);
            for (var i = 0u; i < EACH; i++) {
                sums[i] += left_tile[(at.y * EACH + i) * STEP + term] * row;
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < EACH; i++) {
        let y = corner.y + at.y * EACH + i;
        for (var j = 0u; j < EACH; j++) {
            let x = corner.x + at.x * EACH + j;
            if (y < sizes.height && x < sizes.width) {
                product[y * sizes.pitch + x] = (u32(sums[i][j]) + sizes.frame % 256) | 0xff000000u;
            }
        }
    }
}
