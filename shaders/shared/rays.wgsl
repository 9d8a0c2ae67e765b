// Pictures of bodies: a ray from the eye meets the nearest surface, which is lit from above.

// What a ray meets first.
struct Hit {
    distance: f32,  // m along the ray
    normal: vec3<f32>,
    colour: vec3<f32>,
}

struct Ray {
    start: vec3<f32>,
    direction: vec3<f32>,  // of length 1
}

const RAY_END: f32 = 1e6;           // m, where the sky is
const RAY_SKY: vec3<f32> = vec3(0.93, 0.95, 0.97);
const RAY_LIGHT: vec3<f32> = vec3(0.32, -0.55, 0.77);  // towards the light
const RAY_VIEW: f32 = 0.42;         // tangent of half the angle of view

// The ray through `uv` (0, 0 is the upper left corner) of a picture of what is around `target`, seen from `eye`, with z upwards.
fn ray_through(uv: vec2<f32>, eye: vec3<f32>, centre: vec3<f32>) -> Ray {
    let ahead = normalize(centre - eye);
    let right = normalize(cross(ahead, vec3(0.0, 0.0, 1.0)));
    let up = cross(right, ahead);
    let point = vec2(uv.x * 2.0 - 1.0, 1.0 - uv.y * 2.0) * RAY_VIEW;
    return Ray(eye, normalize(ahead + right * point.x + up * point.y));
}

fn ray_nearer(hit: Hit, distance: f32, normal: vec3<f32>, colour: vec3<f32>) -> Hit {
    if (distance > 0.0 && distance < hit.distance) {
        return Hit(distance, normal, colour);
    }
    return hit;
}

// The half-space below a plane, in squares of 1 m.
fn ray_plane(hit: Hit, ray: Ray, centre: vec3<f32>, axes: mat3x3<f32>) -> Hit {
    let slope = dot(ray.direction, axes[2]);
    let distance = dot(centre - ray.start, axes[2]) / select(slope, -1e-9, abs(slope) < 1e-9);
    let point = transpose(axes) * (ray.start + ray.direction * distance - centre);
    let square = (i32(floor(point.x)) + i32(floor(point.y))) & 1;
    // Far away, squares become one colour.
    let colour = mix(vec3(0.80, 0.82, 0.84), vec3(0.70, 0.73, 0.76), mix(f32(square), 0.5, clamp(distance * 0.04, 0.0, 1.0)));
    return ray_nearer(hit, distance, axes[2], mix(colour, RAY_SKY, clamp(distance * 0.02, 0.0, 1.0)));
}

fn ray_sphere(hit: Hit, ray: Ray, centre: vec3<f32>, radius: f32, colour: vec3<f32>) -> Hit {
    let way = ray.start - centre;
    let along = dot(way, ray.direction);
    let inside = along * along - dot(way, way) + radius * radius;
    let distance = -along - sqrt(max(inside, 0.0));
    return ray_nearer(hit, select(distance, -1.0, inside < 0.0), (way + ray.direction * distance) / radius, colour);
}

// The wall of a cylinder with half the length `length` along `axis`.
fn ray_wall(hit: Hit, ray: Ray, centre: vec3<f32>, axis: vec3<f32>, length: f32, radius: f32, colour: vec3<f32>) -> Hit {
    let way = ray.start - centre;
    let across = ray.direction - axis * dot(ray.direction, axis);
    let from_axis = way - axis * dot(way, axis);
    let a = max(dot(across, across), 1e-12);
    let b = dot(across, from_axis);
    let inside = b * b - a * (dot(from_axis, from_axis) - radius * radius);
    let distance = (-b - sqrt(max(inside, 0.0))) / a;
    let point = way + ray.direction * distance;
    let height = dot(point, axis);
    return ray_nearer(hit, select(distance, -1.0, inside < 0.0 || abs(height) > length), (point - axis * height) / radius, colour);
}

fn ray_capsule(hit: Hit, ray: Ray, centre: vec3<f32>, axes: mat3x3<f32>, size: vec3<f32>, colour: vec3<f32>) -> Hit {
    let wall = ray_wall(hit, ray, centre, axes[2], size.y, size.x, colour);
    let end = ray_sphere(wall, ray, centre + axes[2] * size.y, size.x, colour);
    return ray_sphere(end, ray, centre - axes[2] * size.y, size.x, colour);
}

fn ray_cylinder(hit: Hit, ray: Ray, centre: vec3<f32>, axes: mat3x3<f32>, size: vec3<f32>, colour: vec3<f32>) -> Hit {
    var nearest = ray_wall(hit, ray, centre, axes[2], size.y, size.x, colour);
    let slope = dot(ray.direction, axes[2]);
    let side = -sign(slope);
    let end = centre + axes[2] * side * size.y;
    let distance = dot(end - ray.start, axes[2]) / select(slope, -1e-9, abs(slope) < 1e-9);
    let point = ray.start + ray.direction * distance - end;
    return ray_nearer(nearest, select(distance, -1.0, dot(point, point) > size.x * size.x), axes[2] * side, colour);
}

fn ray_box(hit: Hit, ray: Ray, centre: vec3<f32>, axes: mat3x3<f32>, size: vec3<f32>, colour: vec3<f32>) -> Hit {
    let start = transpose(axes) * (ray.start - centre);
    let direction = transpose(axes) * ray.direction;
    let slope = select(direction, vec3(1e-9), abs(direction) < vec3(1e-9));
    let near = -start / slope - abs(size / slope);
    let far = -start / slope + abs(size / slope);
    let distance = max(max(near.x, near.y), near.z);
    let meets = distance <= min(min(far.x, far.y), far.z);
    let normal = -sign(direction) * vec3<f32>(near >= vec3(distance));
    return ray_nearer(hit, select(-1.0, distance, meets), axes * normal, colour);
}

fn ray_colour(hit: Hit) -> vec3<f32> {
    if (hit.distance >= RAY_END) {
        return RAY_SKY;
    }
    return hit.colour * (0.62 + 0.45 * max(dot(normalize(hit.normal), RAY_LIGHT), 0.0));
}
