// A small rectangle with a colour; its draw call brings both by a dynamic offset.
struct Rectangle {
    edges: vec4f, // left, top, right, bottom, in clip space
    colour: vec4u,
}

@group(0) @binding(0) var<uniform> rectangle: Rectangle;
@group(0) @binding(1) var<uniform> frame: vec4u;

@vertex fn vs(@builtin(vertex_index) corner: u32) -> @builtin(position) vec4f {
    let right = (corner & 1) == 1;
    let bottom = corner >= 2;
    let edges = rectangle.edges;
    return vec4f(select(edges.x, edges.z, right), select(edges.y, edges.w, bottom), 0.0, 1.0);
}

@fragment fn fs() -> @location(0) vec4f {
    let colour = (rectangle.colour.rgb + frame.x * vec3u(1, 2, 3)) & vec3u(255);
    return vec4f(vec3f(colour) / 255.0, 1.0);
}
