// Every instance covers the whole picture and adds a little to each pixel.
@group(0) @binding(0) var<uniform> frame: vec4u;

struct Vertex {
    @builtin(position) position: vec4f,
    @location(0) @interpolate(flat, either) layer: u32,
}

@vertex fn vs(@builtin(vertex_index) corner: u32, @builtin(instance_index) layer: u32) -> Vertex {
    let position = vec2f(f32((corner << 1) & 2), f32(corner & 2)) * 2.0 - 1.0;
    return Vertex(vec4f(position, 0.0, 1.0), layer);
}

@fragment fn fs(vertex: Vertex) -> @location(0) vec4f {
    let at = vec2u(vertex.position.xy);
    let sum = vec3u(at.x + vertex.layer * at.y, at.y + vertex.layer * at.x, at.x + at.y) + frame.x;
    return vec4f(vec3f((sum >> vec3u(5)) & vec3u(15)) / 255.0, 0.0);
}
