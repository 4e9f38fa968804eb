// One triangle whose corners the processor has turned: no trigonometry that differs between GPUs.
@group(0) @binding(0) var<uniform> corners: array<vec4f, 3>;

struct Vertex {
    @builtin(position) position: vec4f,
    @location(0) colour: vec3f,
}

@vertex fn vs(@builtin(vertex_index) corner: u32) -> Vertex {
    let colour = vec3f(vec3u(corner) == vec3u(0, 1, 2));
    return Vertex(vec4f(corners[corner].xy, 0.0, 1.0), colour);
}

@fragment fn fs(vertex: Vertex) -> @location(0) vec4f {
    return vec4f(vertex.colour, 1.0);
}
