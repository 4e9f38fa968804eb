// A pattern that no two frames in 256 share.
@group(0) @binding(0) var<uniform> frame: vec4u;

@vertex fn vs(@builtin(vertex_index) corner: u32) -> @builtin(position) vec4f {
    return vec4f(vec2f(f32((corner << 1) & 2), f32(corner & 2)) * 2.0 - 1.0, 0.0, 1.0);
}

@fragment fn fs(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let at = vec2u(position.xy);
    let colour = vec3u(at.x + frame.x, at.y, at.x ^ at.y) & vec3u(255);
    return vec4f(vec3f(colour) / 255.0, 1.0);
}
