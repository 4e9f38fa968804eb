// A picture of this frame's texture in tiles of this frame's tints: both came from the processor just now.
struct Tile {
    @location(0) corner: vec2u, // its upper left pixel
    @location(1) tint: u32,
}

struct Vertex {
    @builtin(position) position: vec4f,
    @location(0) @interpolate(flat, either) tint: u32,
}

@group(0) @binding(0) var picture: texture_2d<u32>;

const TILE = 8u;

@vertex fn vs(tile: Tile, @builtin(vertex_index) corner: u32) -> Vertex {
    let size = textureDimensions(picture);
    let at = min(tile.corner + vec2u(corner & 1, corner >> 1) * TILE, size);
    let position = vec2f(at) / vec2f(size) * vec2f(2.0, -2.0) + vec2f(-1.0, 1.0);
    return Vertex(vec4f(position, 0.0, 1.0), tile.tint);
}

@fragment fn fs(vertex: Vertex) -> @location(0) vec4f {
    let texel = textureLoad(picture, vec2u(vertex.position.xy), 0);
    return vec4f(vec3f(texel.rgb ^ vec3u(vertex.tint)) / 255.0, 1.0);
}
